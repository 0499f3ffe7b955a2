/**
 * Decides which of the occurrences that are due make jobs. An occurrence is on time for a minute; later than that it
 * was missed, unless a coordinator was there when it fell due, and was slow. Pure.
 */
import type { MissedPolicy } from '../job/schedulePolicies.js'
import { lastOccurrence, nextOccurrence, occurrencesUntil, type OccurrenceRule } from './occurrences.js'

export const onTimeMs = 60_000

/** At most so many of one schedule at once; of `'all'` the rest stays due, and follows. */
export const mostOccurrencesAtOnce = 1_000

export interface DueOccurrences {
  /** In their order. */
  occurrences: Date[]
  /** The first occurrence that is left; null where the rule has no more. */
  nextRunAt: Date | null
  /** Whether some were missed and make no job. */
  leftOut: boolean
}

/**
 * `first` is the first occurrence that is due, and not after `now`. `presentSince` is since when a coordinator is there
 * to make jobs of them.
 */
export function dueOccurrences(
  rule: OccurrenceRule,
  missed: MissedPolicy,
  first: Date,
  now: Date,
  presentSince: Date = now,
): DueOccurrences {
  if (missed === 'all') {
    const occurrences = [first, ...occurrencesUntil(rule, first, now, mostOccurrencesAtOnce - 1)]
    return { occurrences, nextRunAt: nextOccurrence(rule, occurrences.at(-1)!) ?? null, leftOut: false }
  }
  const nextRunAt = nextOccurrence(rule, now) ?? null
  const onTimeFrom = new Date(Math.min(now.getTime() - onTimeMs, presentSince.getTime()))
  if (first >= onTimeFrom) {
    return { occurrences: [first, ...occurrencesUntil(rule, first, now, Infinity)], nextRunAt, leftOut: false }
  }
  const onTime = occurrencesUntil(rule, new Date(onTimeFrom.getTime() - 1), now, Infinity)
  if (onTime.length > 0 || missed === 'skip') return { occurrences: onTime, nextRunAt, leftOut: true }
  const last = lastOccurrence(rule, first, now)
  return { occurrences: [last ?? first], nextRunAt, leftOut: last !== undefined }
}
