/** Computes how long a job waits between a failure and its next attempt. */
import { durationMs, parseDuration, type Duration } from '../time/duration.js'
import type { ReceiptError } from '../requests/wire.js'

/**
 * - `fixed`: always `delay`.
 * - `linear`: `step` after the first failure, twice that after the second, never above `max` (default `'1h'`).
 * - `exponential`: `base`, doubled by each failure, never above `max` (default `'1h'`). With `jitter` (default true)
 *   the wait is a random share between half and all of that, so that jobs which failed together do not come back
 *   together.
 * - a list: one wait for each failure; the last one repeats.
 * - a function of the attempt that failed (counts from 1) and its error.
 */
export type Backoff =
  | { kind: 'fixed'; delay: Duration }
  | { kind: 'linear'; step: Duration; max?: Duration }
  | { kind: 'exponential'; base: Duration; max?: Duration; jitter?: boolean }
  | readonly Duration[]
  | ((attempt: number, error: ReceiptError) => Duration)

export const defaultBackoff = { kind: 'exponential', base: '1s', max: '1h', jitter: true } as const satisfies Backoff

/** Milliseconds to wait after `attempt` (counts from 1) failed with `error`. `random` gives a number in [0, 1). */
export function backoffMs(backoff: Backoff, attempt: number, error: ReceiptError, random: () => number): number {
  if (typeof backoff === 'function') return fromFunction(backoff, attempt, error, random)
  if (isList(backoff)) return durationMs(backoff[Math.min(attempt, backoff.length) - 1]!)
  switch (backoff.kind) {
    case 'fixed':
      return durationMs(backoff.delay)
    case 'linear':
      return Math.min(durationMs(backoff.step) * attempt, durationMs(backoff.max ?? '1h'))
    case 'exponential': {
      // 2 ** 52 is past any `max`; a larger exponent would only make Infinity
      const wait = Math.min(durationMs(backoff.base) * 2 ** Math.min(attempt - 1, 52), durationMs(backoff.max ?? '1h'))
      return Math.round((backoff.jitter ?? true) ? wait * (0.5 + random() / 2) : wait)
    }
  }
}

/** `Array.isArray` does not narrow a readonly array away. */
const isList = (backoff: Backoff): backoff is readonly Duration[] => Array.isArray(backoff)

/** A backoff of the user's own that throws, or answers with no duration, must not keep a job from being tried again. */
function fromFunction(
  backoff: (attempt: number, error: ReceiptError) => Duration,
  attempt: number,
  error: ReceiptError,
  random: () => number,
): number {
  try {
    const ms = parseDuration(backoff(attempt, error))
    if (ms !== undefined) return ms
  } catch {
    // falls through to the default
  }
  return backoffMs(defaultBackoff, attempt, error, random)
}
