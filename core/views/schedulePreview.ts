/** The next occurrences of a rule, as they are shown. Without zod, because the typed client shows them. */
import type { FullScheduleRule } from '../time/scheduleRule.js'

/** The rule with its defaults, and when it fires. */
export interface SchedulePreview extends Omit<FullScheduleRule, 'missed' | 'overlap'> {
  occurrences: PreviewedOccurrence[]
}

export interface PreviewedOccurrence {
  /** ISO 8601, in UTC. */
  at: string
  /** ISO 8601 in the schedule's time zone, with its offset then. */
  local: string
}

/** Occurrences in one preview. */
export const mostPreviewed = 1_000
