/**
 * Tracks since when this coordinator looks at its schedules without a gap.
 *
 * An occurrence is missed where no coordinator was there when its time came. A coordinator that was there and was slow,
 * because thousands of schedules were due at once or the database took its time, has missed nothing. One that was away
 * (just started, asleep, or without its database) has.
 */
import { onTimeMs } from '../../core/time/dueOccurrences.js'
import type { ScheduleWatch } from '../deps.js'

/** It looks every fifteen seconds; one that is there lets no more time pass between two steps. */
const awayMs = onTimeMs

export function createScheduleWatch(): ScheduleWatch {
  let since: Date | undefined
  let last: Date | undefined
  return {
    sinceWhen(now) {
      if (!since || !last || now.getTime() - last.getTime() > awayMs) since = now
      last = now
      return since
    },
  }
}
