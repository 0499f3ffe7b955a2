/** Cron expressions: read by cron-parser, in an IANA time zone. */
import { CronExpressionParser } from 'cron-parser'

/** What is wrong with a cron expression, as a sentence, or `undefined` where it has a next tick. */
export function cronProblem(cron: unknown, timezone: string): string | undefined {
  if (typeof cron !== 'string' || cron.trim() === '') return 'A cron expression is missing, such as "0 9 * * *".'
  const fields = cron.trim().split(/\s+/).length
  if (!cron.startsWith('@') && fields !== 5 && fields !== 6) {
    return `The cron expression "${cron}" has ${fields} field${fields === 1 ? '' : 's'}. It takes five (minute hour day month weekday), or six with seconds first.`
  }
  try {
    CronExpressionParser.parse(cron, { tz: timezone, currentDate: new Date(0) }).next()
    return undefined
  } catch (error) {
    return `The cron expression "${cron}" cannot work: ${(error as Error).message}.`
  }
}

/** What is wrong with a time zone, as a sentence, or `undefined` where it is known. */
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

/** The first tick strictly after a moment, or `undefined` where the rule has no more (30 February). */
export function nextTick(cron: string, timezone: string, after: Date): Date | undefined {
  try {
    return CronExpressionParser.parse(cron, { tz: timezone, currentDate: after }).next().toDate()
  } catch {
    return undefined
  }
}

/**
 * The last tick at or before `until`, of those that follow the tick `from`; `from` itself where there is none.
 * Looked for by ticks that follow one another, because at DST changes the parser's way back does not meet the ticks of its way forth. The
 * search begins with the last minute and looks further back eightfold each time, so a rule for every second is as quick as one for every year.
 */
export function lastTick(cron: string, timezone: string, from: Date, until: Date): Date {
  for (let windowMs = 60_000; ; windowMs *= 8) {
    const start = new Date(Math.max(from.getTime(), until.getTime() - windowMs))
    let last: Date | undefined
    for (let tick = nextTick(cron, timezone, start); tick && tick <= until; tick = nextTick(cron, timezone, tick)) {
      last = tick
    }
    if (last) return last
    if (start <= from) return from
  }
}
