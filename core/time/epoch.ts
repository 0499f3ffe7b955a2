/** Moments that are counted since 1970, which many programs write and nobody else can tell apart. */

/** Counts that are larger than the number are of the unit: seconds until the year 5138, milliseconds from 1973 on. */
const units = [
  { unit: 'seconds', below: 1e11, perMs: 0.001 },
  { unit: 'milliseconds', below: 1e14, perMs: 1 },
  { unit: 'microseconds', below: 1e17, perMs: 1e3 },
  { unit: 'nanoseconds', below: 1e20, perMs: 1e6 },
]

/** Smaller ones, which would be seconds of before 1973, are meant as something else: a year, or a delay. */
const least = 1e8

/** What is meant by a number, or a text of digits, and how to write it; nothing where it is no such count. */
export function epochProblem(value: unknown): string | undefined {
  if (typeof value !== 'number' && !(typeof value === 'string' && /^\d{1,20}(\.\d{1,20})?$/.test(value)))
    return undefined
  const count = Number(value)
  const meant = units.find(({ below }) => count < below)
  if (!(count >= least) || !meant) return undefined
  const moment = new Date(Math.trunc(count / meant.perMs)).toISOString()
  return `${value} looks like ${meant.unit} since 1970. Send it as ISO 8601: "${moment}"`
}
