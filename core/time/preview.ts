/**
 * The next occurrences of a rule, as people read them: the moment, and what the clock on the wall shows. Needs no
 * database.
 */
import type { SchedulePreview } from '../views/answers.gen.js'
import { DateTime } from 'luxon'
import { readMoment } from './moment.js'
import { checkRule, occurrenceRule, withDefaults, type ScheduleRule } from './scheduleRule.js'
import { occurrences } from './occurrences.js'
import type { PreviewedOccurrence } from '../views/schedulePreview.js'

/**
 * A century. A fifth Monday in February comes every 28 years, and a thousand of them would keep a coordinator busy for
 * seconds.
 */
const horizonMs = 100 * 365.25 * 86_400_000

export interface PreviewOptions {
  /** The schedule's, which `spread` is made of. */
  id: string
  /** When the schedule was made, for `every`; a rule that is not stored counts from `from`. */
  since?: Date
  /** A moment, or a local time in the rule's zone. An occurrence at that moment is shown. */
  from: Date | string
  /** At most so many; fewer where the rule has no more within a century. */
  count: number
}

/** Throws `INVALID_TIME` for a rule or a moment that cannot be read. */
export function previewOf(rule: ScheduleRule, { id, since, from, count }: PreviewOptions): SchedulePreview {
  checkRule(rule)
  const { missed: _, overlap: __, ...timing } = withDefaults(rule)
  const first = readMoment(from, timing.timezone, 'from')
  const found: PreviewedOccurrence[] = []
  const end = first.getTime() + horizonMs
  for (const occurrence of occurrences(
    occurrenceRule(rule, { id, since: since ?? first }),
    new Date(first.getTime() - 1),
  )) {
    if (occurrence.getTime() >= end) break
    found.push({ at: occurrence.toISOString(), local: localTime(occurrence, timing.timezone) })
    if (found.length >= count) break
  }
  return { ...timing, occurrences: found }
}

function localTime(at: Date, timezone: string): string {
  const local = DateTime.fromJSDate(at, { zone: timezone })
  return `${local.toISO({ includeOffset: false, suppressMilliseconds: true })}${local.toFormat('ZZ')}`
}
