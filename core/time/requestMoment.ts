/** The moments and time zones of requests. */
import { timezoneProblem } from './cron.js'
import { ErrandError } from '../errors.js'
import * as core from './moment.js'

/** As core/time/moment reads it, in a zone that may not be one. Throws `INVALID_TIME`. */
export function readMoment(moment: string | Date, timezone = 'UTC', field = 'runAt'): Date {
  checkTimezone(timezone)
  return core.readMoment(moment, timezone, field)
}

/** Throws `INVALID_TIME` where the zone is unknown. */
function checkTimezone(timezone: string): void {
  const problem = timezoneProblem(timezone)
  if (problem !== undefined) {
    throw new ErrandError('INVALID_TIME', problem, {
      issues: [{ path: ['timezone'], code: 'invalid_timezone', message: problem }],
    })
  }
}
