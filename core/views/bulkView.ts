/** The answers of operations on many jobs. Without zod, because the typed client shows it. */

/** As far as jobs are counted; this number stands for as many or more. */
export const mostMatching = 100_000

/** Of a dry run. */
export interface BulkCount {
  /** 100,000 stands for as many or more. */
  count: number
  /** For the operation itself. */
  token: string
}

export interface BulkOutcome {
  /** Jobs of this page that the filter takes. */
  matched: number
  /** Those of them that were retried, replayed or cancelled. */
  done: number
  /** Why the others were not; at most a hundred of them. */
  skipped: { id: string; code: string; message: string }[]
  /** Where the next page begins; null on the last one. */
  cursor: string | null
}

/** As many skipped jobs are named. */
export const mostSkipped = 100
