/** Reads the moments people write. */
import { DateTime } from 'luxon'
import { timezoneProblem } from '../core/cron.js'
import { ErrandError } from '../core/errors.js'

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
 * Reads ISO 8601, or a local time such as `2020-01-01 10:00:00 AM`; what has no offset is read in `timezone`.
 * Throws `INVALID_TIME`.
 */
export function readMoment(moment: string | Date, timezone = 'UTC'): Date {
  checkTimezone(timezone)
  if (moment instanceof Date) {
    if (!Number.isNaN(moment.getTime())) return moment
  } else {
    for (const read of [
      () => DateTime.fromISO(moment, { zone: timezone }),
      ...localFormats.map((format) => () => DateTime.fromFormat(moment, format, { zone: timezone, locale: 'en-US' })),
    ]) {
      const time = read()
      if (time.isValid) return time.toJSDate()
    }
  }
  throw new ErrandError(
    'INVALID_TIME',
    'runAt is no time that can be read. Write ISO 8601, such as "2030-01-31T10:00:00Z", or a local time such as "2030-01-31 10:00:00 AM" with `timezone`.',
    { issues: [{ path: ['runAt'], code: 'invalid_time', message: 'is no time that can be read' }] },
  )
}

/** Throws `INVALID_TIME` where the zone is unknown. */
export function checkTimezone(timezone: string): void {
  const problem = timezoneProblem(timezone)
  if (problem !== undefined) {
    throw new ErrandError('INVALID_TIME', problem, {
      issues: [{ path: ['timezone'], code: 'invalid_timezone', message: problem }],
    })
  }
}
