/** Posts to the coordinator, again and again until it takes or refuses what is posted. */
import type { Clock } from '../core/time/clock.js'
import { parseJson } from '../core/payload/parseJson.js'
import { wireHeaders } from '../core/wireVersion.js'
import { thrownText } from './describeError.js'

export interface PostDeps {
  clock: Clock
  /** A number in [0, 1). */
  random: () => number
  fetch: typeof fetch
}

export type PostOutcome =
  | { kind: 'taken'; answer: unknown }
  /** Posting it again would not help: the attempt is over, or the address or the body is wrong. */
  | { kind: 'refused'; status: number; error: unknown }
  /** `retryAfterMs` is when the coordinator, or what stands before it, wants to be asked again. */
  | { kind: 'unreached'; problem: string; retryAfterMs?: number }

export interface PostLimits {
  /** No new try begins after this moment. */
  until: () => Date
  signal?: AbortSignal
  /** Between two tries. Default and most: `longestPauseMs`. */
  pauseMs?: number
}

/** How long one try may take before the next one begins. */
export const tryLimitMs = 10_000

/** A try that begins so long before the end may still be answered. */
const lastTryMs = 1_000

export async function postUntilTaken(
  url: string,
  body: string,
  deps: PostDeps,
  { until, signal, pauseMs }: PostLimits,
): Promise<PostOutcome> {
  for (let tries = 1; ; tries++) {
    const outcome = await postOnce(url, body, deps, signal)
    if (outcome.kind !== 'unreached') return outcome
    const leftMs = until().getTime() - deps.clock.now().getTime()
    // too early is better than not at all
    const toldMs = Math.min((outcome.retryAfterMs ?? 0) * (1 + deps.random() / 2), leftMs - lastTryMs)
    const waitMs = Math.max(postBackoffMs(tries, deps.random, pauseMs), toldMs)
    if (signal?.aborted || waitMs > leftMs) return outcome
    await deps.clock.sleep(waitMs, signal)
    if (signal?.aborted) return outcome
  }
}

/** No function that lost its coordinator tries less often. */
export const longestPauseMs = 30_000

/**
 * From half a second to `longestMs`, doubled by each try; the jitter spreads functions that lost the coordinator
 * together.
 */
export const postBackoffMs = (tries: number, random: () => number, longestMs = longestPauseMs): number =>
  Math.min(500 * 2 ** Math.min(tries - 1, 16), longestMs) * (0.5 + random() / 2)

/** One try. */
export async function postOnce(
  url: string,
  body: string,
  deps: PostDeps,
  signal?: AbortSignal,
  limitMs = tryLimitMs,
): Promise<PostOutcome> {
  const settled = new AbortController()
  const stop = new AbortController()
  signal?.addEventListener('abort', () => stop.abort(), { signal: settled.signal })
  const cancelAlarm = deps.clock.alarm(limitMs, () => stop.abort())
  try {
    const response = await deps.fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...wireHeaders },
      body,
      signal: stop.signal,
    })
    const text = await response.text()
    if (response.ok) return { kind: 'taken', answer: parseJson(text) }
    const status = response.status
    return isRefusal(status)
      ? { kind: 'refused', status, error: (parseJson(text) as { error?: unknown } | undefined)?.error }
      : { kind: 'unreached', problem: `it answered ${status}`, ...readRetryAfter(response.headers.get('retry-after')) }
  } catch (error) {
    const tooSlow = stop.signal.aborted && !signal?.aborted
    return { kind: 'unreached', problem: tooSlow ? `no answer in ${limitMs / 1_000} s` : thrownText(error) }
  } finally {
    cancelAlarm()
    settled.abort()
  }
}

/** In seconds, as a coordinator says it. */
const readRetryAfter = (text: string | null): { retryAfterMs?: number } =>
  text !== null && /^\d{1,9}$/.test(text) ? { retryAfterMs: Number(text) * 1_000 } : {}

/** Request Timeout, Too Early and Too Many Requests ask for another try; every other 4xx would come again. */
const isRefusal = (status: number): boolean => status >= 400 && status < 500 && ![408, 425, 429].includes(status)
