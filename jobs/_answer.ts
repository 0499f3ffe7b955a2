/** Shared by jobs that call an HTTP API: what its answers mean to a job. */
import { Fatal, RetryAfter, type Duration } from 'errand'

/**
 * Returns where the API did what it was asked, and else throws what fits:
 *
 * - 429, and 503 with a `Retry-After`: `RetryAfter`, for the time the API asked for.
 * - any other 4xx: `Fatal`, because the same request would get the same answer. 408 and 425 are about the moment, not
 *   the request.
 * - the rest: a plain Error, which is tried again by the worker's backoff.
 *
 * `what` names the request in the error. The answer's body stays out of it: a receipt is read by more people than an
 * API's answer.
 */
export async function expectSuccess(response: Response, what: string): Promise<void> {
  if (response.ok) return
  await response.body?.cancel()
  const { status } = response
  const message = `${what} was answered with ${status}${response.statusText && ` ${response.statusText}`}.`
  const delay = status === 429 || status === 503 ? retryAfter(response.headers.get('retry-after')) : undefined
  if (delay !== undefined) throw new RetryAfter(delay, message)
  if (status >= 400 && status < 500 && ![408, 425, 429].includes(status)) throw new Fatal(message)
  throw new Error(message)
}

/** Nobody means more than a day, and a job should not sleep for years because a header says so. */
const longestWaitSeconds = 86_400

/** The header is a number of seconds or a date. `undefined` where it is neither. */
function retryAfter(header: string | null): Duration | undefined {
  const text = header?.trim() ?? ''
  const seconds = /^\d+$/.test(text) ? Number(text) : Math.ceil((Date.parse(text) - Date.now()) / 1_000)
  if (Number.isNaN(seconds)) return undefined
  return `${Math.min(Math.max(seconds, 0), longestWaitSeconds)}s`
}
