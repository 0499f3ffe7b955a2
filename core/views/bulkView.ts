/** The answers of operations on many jobs. Without zod, because the typed client shows it. */

/** As far as jobs are counted; this number stands for as many or more. */
export const mostMatching = 100_000

/** As many skipped jobs are named. */
export const mostSkipped = 100
