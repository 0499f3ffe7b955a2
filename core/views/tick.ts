/**
 * A tick of the coordinator: every step of the jobs' lives once. For one that does not stay on; a platform's cron calls
 * it. Without zod, because functions and clients bundle it.
 */
import type { TickSummary } from './answers.gen.js'

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

/** What the steps of a tick count. */
export type TickCounts = Omit<TickSummary, 'more' | 'nextAt'>
