/** The ends of jobs, for those who wait for them: the requests, and what is told of each job. */
import { maxAwaited, longestWaitMs } from '../limits.js'
import { z } from 'zod'
import { duration } from './wire.js'

/** An event of the stream bears the id, and its line ends where the id would. */
const jobId = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[^\0\r\n]*$/, 'must not contain line breaks or null characters')
const ids = z.array(jobId).min(1).max(maxAwaited)

/**
 * A stream of ends. `lastEventId` comes with a reconnection and needs no attention: the jobs are looked at anew, so
 * nothing is missed.
 */
export const endedRequest = z.strictObject({ ids, lastEventId: z.string().nullish() })
export const waitManyRequest = z.strictObject({
  ids,
  timeoutMs: z.int().min(0).max(longestWaitMs).default(longestWaitMs),
})

/** `GET /jobs/:id/receipt`. A longer time than a request is held open is cut short: ask again. */
export const awaitReceiptQuery = z.strictObject({ timeout: duration.default('25s') })
