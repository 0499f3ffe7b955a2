/** Reads the moments people write. */
import { DateTime } from 'luxon'
import { ErrandError } from '../errors.js'
import { epochProblem } from './epoch.js'

/** Local times without an offset, besides the ISO 8601 ones. */
const localFormats = [
  'yyyy-MM-dd h:mm:ss a',
  'yyyy-MM-dd h:mm a',
  'yyyy-MM-dd HH:mm:ss',
  'yyyy-MM-dd HH:mm',
  'yyyy/MM/dd HH:mm:ss',
  'yyyy/MM/dd HH:mm',
]

/**
 * The years 1 to 9999. Beyond them neither cron expressions nor what is counted from a moment have dates left to name.
 */
const [earliestMs, latestMs] = [Date.parse('0001-01-01T00:00:00Z'), Date.parse('+010000-01-01T00:00:00Z')]

/**
 * Reads ISO 8601, or a local time such as `2020-01-01 10:00:00 AM`; what has no offset is read in `timezone`, which
 * must be one. Throws `INVALID_TIME`, which names the field.
 */
export function readMoment(moment: string | Date, timezone: string, field: string): Date {
  const read = moment instanceof Date ? moment : parseMoment(moment, timezone)
  if (read && read.getTime() >= earliestMs && read.getTime() < latestMs) return read
  const epoch = epochProblem(moment)
  if (epoch !== undefined) {
    throw new ErrandError('INVALID_TIME', `${field}: ${epoch}.`, {
      issues: [{ path: [field], code: 'invalid_time', message: epoch }],
    })
  }
  throw new ErrandError(
    'INVALID_TIME',
    `${field} is no time that can be read. Write ISO 8601, such as "2030-01-31T10:00:00Z", or a local time such as "2030-01-31 10:00:00 AM" with \`timezone\`.`,
    { issues: [{ path: [field], code: 'invalid_time', message: 'is no time that can be read' }] },
  )
}

function parseMoment(text: string, timezone: string): Date | undefined {
  for (const read of [
    () => DateTime.fromISO(text, { zone: timezone }),
    ...localFormats.map((format) => () => DateTime.fromFormat(text, format, { zone: timezone, locale: 'en-US' })),
  ]) {
    const time = read()
    if (time.isValid) return time.toJSDate()
  }
  return undefined
}
