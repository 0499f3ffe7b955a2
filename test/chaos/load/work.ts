/** The args of jobs, and how their runs behave. */
import type { Random } from '../../support/random.js'

export interface Work {
  n: number
  v: number
  key: string
  ms: number
  how: 'answer' | 'fail' | 'fatal' | 'deaf' | 'never'
  times: number
  of: string
}

export const work = (n: number, more: Partial<Work> = {}): Work & Record<string, unknown> => ({
  n,
  v: 0,
  key: '',
  ms: 0,
  how: 'answer',
  times: 1,
  of: '',
  ...more,
})

/**
 * Most runs answer in time; some fail first, some are never heard of, some work on past the deadline and their signal.
 * `timeoutMs` is what the worker gives an attempt.
 */
export function behaviour(random: Random, timeoutMs: number, longestMs = 800): Pick<Work, 'ms' | 'how' | 'times'> {
  const ms = random.int(0, longestMs)
  const dice = random()
  if (dice < 0.7) return { how: 'answer', ms, times: 1 }
  if (dice < 0.82) return { how: 'fail', ms, times: random.int(1, 2) }
  if (dice < 0.85) return { how: 'fatal', ms, times: 1 }
  if (dice < 0.88) return { how: 'never', ms, times: 1 }
  // half of the deaf ones answer in time, though nobody may be listening any more
  return {
    how: 'deaf',
    ms: random.chance(0.5) ? random.int(500, timeoutMs - 500) : timeoutMs + random.int(200, 6_000),
    times: 1,
  }
}
