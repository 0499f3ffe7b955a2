/**
 * When the client asks again by itself, within the time that the call has. A coordinator that is overloaded says when,
 * and that nothing of the request is stored. One that cannot be reached, or whose answer was lost, may have done what it
 * was asked; so the client asks again only for what is the same however often it is asked for, such as jobs with ids.
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
  /**
   * How long it is asked again where no answer came, from the first failure on, because it is the same however often it
   * is asked for; in milliseconds. Default: 0.
   */
  repeatForMs?: number
}

/**
 * Asks until the coordinator takes it. Throws what `ask` throws, at once where the next try would come
 * too late.
 */
export async function untilTaken<Answer>(
  ask: () => Promise<Answer>,
  { clock, random, endMs, signal, repeatForMs = 0 }: Patience,
): Promise<Answer> {
  let repeatUntilMs: number | undefined
  for (let tries = 0; ; tries++) {
    try {
      return await ask()
    } catch (error) {
      repeatUntilMs ??= clock.now().getTime() + repeatForMs
      const toldMs = pauseMs(error, random)
      const waitMs = toldMs ?? (isAway(error) ? backoffMs(tries, random) : undefined)
      const lastMs = toldMs === undefined ? Math.min(endMs, repeatUntilMs) : endMs
      if (waitMs === undefined || clock.now().getTime() + waitMs >= lastMs) throw error
      await clock.sleep(waitMs, signal)
    }
  }
}

/** It was not reached, is starting or stopping, or has no database now. */
const isAway = (error: unknown): boolean => error instanceof ErrandError && error.code === 'UNAVAILABLE'

const firstPauseMs = 200
const longestPauseMs = 5_000

const backoffMs = (tries: number, random: () => number): number =>
  Math.round(Math.min(firstPauseMs * 2 ** tries, longestPauseMs) * (0.5 + random() / 2))

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
