/**
 * Which ticks make jobs, of those that are due. A tick is on time for a minute; later than that it was missed, unless a coordinator was there when it fell due, and
 * was slow. Pure.
 */
import type { MissedPolicy } from '../job/schedulePolicies.js'
import { lastTick, nextTick, ticksUntil, type TickRule } from './ticks.js'

export const onTimeMs = 60_000

/** At most so many of one schedule at once; of `'all'` the rest stays due, and follows. */
export const mostTicksAtOnce = 1_000

export interface DueTicks {
  /** In their order. */
  ticks: Date[]
  /** The first tick that is left; null where the rule has no more. */
  nextRunAt: Date | null
  /** Whether some were missed and make no job. */
  leftOut: boolean
}

/** `first` is the first tick that is due, and not after `now`. `presentSince` is since when somebody is there to make jobs of them. */
export function dueTicks(
  rule: TickRule,
  missed: MissedPolicy,
  first: Date,
  now: Date,
  presentSince: Date = now,
): DueTicks {
  if (missed === 'all') {
    const ticks = [first, ...ticksUntil(rule, first, now, mostTicksAtOnce - 1)]
    return { ticks, nextRunAt: nextTick(rule, ticks.at(-1)!) ?? null, leftOut: false }
  }
  const nextRunAt = nextTick(rule, now) ?? null
  const onTimeFrom = new Date(Math.min(now.getTime() - onTimeMs, presentSince.getTime()))
  if (first >= onTimeFrom) {
    return { ticks: [first, ...ticksUntil(rule, first, now, Infinity)], nextRunAt, leftOut: false }
  }
  const onTime = ticksUntil(rule, new Date(onTimeFrom.getTime() - 1), now, Infinity)
  if (onTime.length > 0 || missed === 'skip') return { ticks: onTime, nextRunAt, leftOut: true }
  const last = lastTick(rule, first, now)
  return { ticks: [last ?? first], nextRunAt, leftOut: last !== undefined }
}
