/**
 * Options that say when a schedule makes jobs, for those who write TypeScript: in `defineJob` and in the client.
 * `core/requests/schedules` has the same for the wire.
 */
import type { Duration } from '../time/duration.js'
import type { DstGapPolicy, MissedPolicy, DstOverlapPolicy, OverlapPolicy } from './schedulePolicies.js'

interface ByCron {
  /**
   * A cron expression of five fields (minute hour day month weekday), or six with seconds first. Besides lists, ranges
   * and steps there are `L` (the last day of the month, or with a weekday its last one: `5L`), `1#2` (the second
   * Monday), and `@daily` and its like.
   */
  cron: string
  every?: undefined
}

interface ByInterval {
  /** An occurrence each time this long has passed since the schedule was first made, in any zone. At least `'1s'`. */
  every: Duration
  cron?: undefined
}

/** Occurrences at local times, or every so often. */
export type Rhythm = ByCron | ByInterval

export interface SchedulePolicies {
  /** An IANA time zone, such as `America/Montreal`, in which `cron` is read. Default `UTC`. */
  timezone?: string | undefined
  /** Of the jobs it makes, from -1000 to 1000. Default: the worker's. */
  priority?: number | undefined
  /**
   * A local time that does not exist, because the clock is set forward over it (02:30 where 02:00 becomes 03:00):
   * `'after$&when it would have come had the clock not been set, at 03:30, once where another occurrence falls on that
   * moment (default); `'skip'` makes no occurrence.
   */
  dstGap?: DstGapPolicy | undefined
  /**
   * A local time that comes twice, because the clock is set back: `'first$&the first time only, `'both'` each time.
   * Default: `'first'` where `cron` names hours, such as nine o'clock; `'both'` where it fires in each hour, such as
   * every five minutes, which must not pause for an hour.
   */
  dstOverlap?: DstOverlapPolicy | undefined
  /**
   * Occurrences that are more than a minute late when a coordinator finds them, because none was there: `'last'` makes
   * one job for the last of them, and none where a later occurrence is on time (default); `'all'` makes a job for each,
   * the oldest first; `'skip'` makes none.
   */
  missed?: MissedPolicy | undefined
  /**
   * An occurrence while a job of the schedule is not final: `'allow'` makes its job all the same (default); `'skip'`
   * leaves the occurrence out; `'queue'` makes its job once the one before is final, one at a time and in their order.
   * At most 1,000 occurrences wait so; those beyond are left out.
   */
  overlap?: OverlapPolicy | undefined
  /**
   * Moves every occurrence by a part of this window that is always the same for a schedule, and differs from one to the
   * next, so that midnight jobs do not all start at once. At least `'1s'`. Default: none.
   */
  spread?: Duration | undefined
}
