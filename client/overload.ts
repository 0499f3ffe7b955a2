/**
 * A coordinator that is overloaded says when to ask again, and that nothing of the request is stored: so the client
 * asks again by itself, within the time that the call has. No other error is that certain; what may have happened is
 * the caller's to decide.
 */
import type { Clock } from '../core/time/clock.js'
import { ErrandError } from '../core/errors.js'

export interface Patience {
  clock: Clock
  /** At least 0 and below 1. */
  random: () => number
  /** When the call ends, in milliseconds of the clock. */
  endMs: number
  /** Ends a pause. Calls made afterwards must look at it. */
  signal: AbortSignal
}

/**
 * Asks until the coordinator is no longer overloaded. Throws what `ask` throws, at once where the next try would come
 * too late.
 */
export async function untilTaken<Answer>(
  ask: () => Promise<Answer>,
  { clock, random, endMs, signal }: Patience,
): Promise<Answer> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      const waitMs = pauseMs(error, random)
      if (waitMs === undefined || clock.now().getTime() + waitMs >= endMs) throw error
      await clock.sleep(waitMs, signal)
    }
  }
}

/**
 * How much later than it was told to a client may ask, as a part of that: those who were told the same do not come back
 * at once.
 */
const mostLater = 0.5

function pauseMs(error: unknown, random: () => number): number | undefined {
  const told = toldPauseMs(error)
  return told === undefined ? undefined : Math.round(told * (1 + mostLater * random()))
}

/** When to ask again at the earliest, in milliseconds; undefined of errors that say no such thing. */
export function toldPauseMs(error: unknown): number | undefined {
  if (!(error instanceof ErrandError) || !(error.code === 'OVERLOADED' || error.code === 'TOO_MANY_REQUESTS'))
    return undefined
  const told = Number(error.details?.['retryAfter'])
  return (told > 0 && told < Infinity ? told : 1) * 1_000
}
