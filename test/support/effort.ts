/**
 * How many random cases a property goes through. The counts in tests are a budget that people can wait for;
 * `ERRAND_TEST_EFFORT=20 npm test` goes through twenty times as many.
 */
const { ERRAND_TEST_EFFORT: effort = '1' } = process.env

export const runs = (count: number): number => Math.ceil(count * Number(effort))
