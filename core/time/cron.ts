/**
 * Cron expressions: read by cron-parser. It is asked in UTC, where the clock is never set, and its answers are taken
 * for local times; core/time/occurrences decides what these mean where the clock is set, because the parser has no
 * policy for that, and its ways forth and back differ there.
 */
import { CronExpressionParser, type CronExpression } from 'cron-parser'

/** The problem with a cron expression, as a sentence, or `undefined` where it has a next occurrence. */
export function cronProblem(cron: unknown): string | undefined {
  if (typeof cron !== 'string' || cron.trim() === '') return 'A cron expression is missing, such as "0 9 * * *".'
  const fields = cron.trim().split(/\s+/).length
  if (!cron.startsWith('@') && fields !== 5 && fields !== 6) {
    return `The cron expression "${cron}" has ${fields} field${fields === 1 ? '' : 's'}. It takes five (minute hour day month weekday), or six with seconds first.`
  }
  if (/(^|[\s,])H/.test(cron)) {
    return `The cron expression "${cron}" holds an H, which would be another number each time it is read. Use \`spread\` to move schedules apart.`
  }
  try {
    parse(cron).next()
    return undefined
  } catch (error) {
    return `The cron expression "${cron}" cannot work: ${(error as Error).message}.`
  }
}

/** The problem with a time zone, as a sentence, or `undefined` where it is known. */
export function timezoneProblem(timezone: unknown): string | undefined {
  try {
    // the constructor takes offsets such as +02:00 too; those are no zones, they have no summer time
    if (typeof timezone === 'string' && !/^[+-]/.test(timezone)) {
      Intl.DateTimeFormat('en', { timeZone: timezone })
      return undefined
    }
  } catch {
    // a RangeError, which the sentence below says better
  }
  return `"${String(timezone)}" is not a time zone. Write an IANA name, such as "Europe/Berlin" or "UTC".`
}

/** Local times are numbers here: the milliseconds that a clock in UTC shows with the same date and time. */
export interface LocalTimes {
  /**
   * The first local time of the expression at or after this one, or `undefined` where there are no more (30 February).
   */
  from(localMs: number): number | undefined
}

export function localTimes(cron: string): LocalTimes {
  const expression = parse(cron)
  return {
    from(localMs) {
      expression.reset(new Date(localMs - 1))
      try {
        return expression.next().getTime()
      } catch {
        return undefined
      }
    },
  }
}

/** Whether the expression fires in each hour of the day, so that it says how often rather than when. */
export const firesEveryHour = (cron: string): boolean => parse(cron).fields.hour.values.length === 24

const parse = (cron: string): CronExpression =>
  CronExpressionParser.parse(cron.trim(), { tz: 'UTC', currentDate: new Date(0) })
