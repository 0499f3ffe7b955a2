/** The next occurrences of a rule, as they are shown. Without zod, because the typed client shows them. */

export interface PreviewedOccurrence {
  /** ISO 8601, in UTC. */
  at: string
  /** ISO 8601 in the schedule's time zone, with its offset then. */
  local: string
}

/** Occurrences in one preview. */
export const mostPreviewed = 1_000
