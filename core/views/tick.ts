/**
 * A tick of the coordinator: every step of the jobs' lives once. For one that does not stay on; a platform's cron calls
 * it. Without zod, because functions and clients bundle it.
 */

/** Each `POST` here is a tick. */
export const tickPath = '/tick'
/**
 * Path that Vercel's cron calls: by GET, and only in its own deployment. No worker's name begins with an underscore.
 */
export const vercelTickPath = '/_errand/tick'
/** Where a Vercel deployment that has its coordinator has the functions. */
export const vercelFunctionsPath = '/_errand/functions'

/** How long a tick may take by default. A little less than a minute, in which crons call. */
export const defaultBudgetMs = 50_000
/** No platform lets a function run for longer. */
export const longestBudgetMs = 15 * 60_000

export interface TickCounts {
  /** Scheduled jobs that became due. */
  staged: number
  /** Schedules that fired. */
  fired: number
  /** Attempts whose receipt was missing. */
  reaped: number
  /** Final jobs that went after their keep time. */
  purged: number
  /** Attempts that began on this coordinator meanwhile. */
  started: number
  /** Attempts whose call has ended meanwhile: with a receipt, or because the function posts it. */
  finished: number
}
