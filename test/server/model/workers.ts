/**
 * The workers of the model: each policy alone, and the ones that meet. Nothing of them runs: the model plays their
 * functions.
 */
import { z } from 'zod'
import { defineJob, type JobOptions } from '../../../core/index.js'
import type { TestWorkers } from '../../support/errand.js'

/** `n` is another one each time, so that it can be told whose args a function got. */
const args = z.object({ key: z.string().default(''), n: z.number().default(0) })
type Args = z.output<typeof args>
const keyed = { key: ({ key }: Args) => key }

const worker = (options: Partial<JobOptions<typeof args, null>>) =>
  defineJob({
    args,
    result: z.null(),
    retry: { attempts: 3, backoff: { kind: 'fixed', delay: '2s' } },
    timeout: '10s',
    keep: { succeeded: '1m', failed: '1m', cancelled: '1m' },
    run: () => null,
    ...options,
  })

export const timeoutMs = 10_000
export const limits: Record<string, number> = { limited: 2, narrow: 1, replaced: 1 }
export const rates: Record<string, { intervalMs: number; burst: number }> = {
  paced: { intervalMs: 5_000, burst: 3 },
  narrow: { intervalMs: 2_000, burst: 2 },
}

export const workers = {
  plain: worker({}),
  bulk: worker({ jobsPerCall: 3 }),
  limited: worker({ concurrency: { limit: 2, ...keyed } }),
  paced: worker({ throttle: { limit: 2, per: '10s', burst: 3, ...keyed } }),
  narrow: worker({ concurrency: { limit: 1, ...keyed }, throttle: { limit: 5, per: '10s', burst: 2, ...keyed } }),
  once: worker({ unique: keyed }),
  onceStarted: worker({ unique: { ...keyed, until: 'started', onConflict: 'debounce', maxWait: '30s' } }),
  onceFor: worker({ unique: { ...keyed, until: '30s', onConflict: 'reject' } }),
  replaced: worker({ unique: { ...keyed, onConflict: 'replace' }, concurrency: { limit: 1, ...keyed } }),
  minutely: worker({ schedule: { cron: '* * * * *' } }),
  every: worker({ schedule: { every: '20s', missed: 'all' } }),
  queued: worker({ schedule: { every: '30s', missed: 'all', overlap: 'queue' } }),
  skipped: worker({ schedule: { every: '25s', overlap: 'skip' } }),
} satisfies TestWorkers

export const asked = [
  'plain',
  'bulk',
  'limited',
  'paced',
  'narrow',
  'once',
  'onceStarted',
  'onceFor',
  'replaced',
] as const
