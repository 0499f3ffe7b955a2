/**
 * How many random cases a property goes through. The counts in tests are a budget that people can wait for;
 * `ERRAND_TEST_EFFORT=20 npm test` goes through twenty times as many.
 */
const effort = Number(process.env['ERRAND_TEST_EFFORT'] || '1')
// with none at all every property would hold
if (!Number.isFinite(effort) || effort <= 0) throw new Error('ERRAND_TEST_EFFORT is a number above 0.')

export const runs = (count: number): number => Math.ceil(count * effort)

/** A time limit, in milliseconds, for that many. */
export const patience = (ms: number): number => ms * Math.max(1, effort)
