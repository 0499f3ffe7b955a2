/**
 * Wait: long polls for a job's final state. A signal from this coordinator's own steps ends the wait at once; a job that another coordinator
 * finishes is found by one query a second for all who wait.
 */
import { setMaxListeners } from 'node:events'
import { isFinal } from '../core/states.js'
import type { JobView } from '../core/wire.js'
import type { Deps } from './deps.js'
import { getJob } from './operate.js'

/** No request is held open longer: proxies and platforms cut longer ones. */
export const longestWaitMs = 25_000
const pollMs = 1_000

export interface Waits {
  /** The job once it is final, or as it is when the time is over. Throws `UNKNOWN_JOB`. */
  wait(id: string, timeoutMs: number, signal?: AbortSignal): Promise<JobView>
  stop(): void
}

export function createWaits(deps: Deps): Waits {
  const waiting = new Map<string, Set<() => void>>()
  const stopped = new AbortController()
  // one listener for each request that waits, however many there are
  setMaxListeners(0, stopped.signal)
  let polling = false

  const wake = (id: string) => waiting.get(id)?.forEach((resolve) => resolve())
  const stopListening = deps.events.on('finished', ({ id }) => wake(id))

  const poll = async () => {
    if (polling) return
    polling = true
    while (waiting.size > 0 && !stopped.signal.aborted) {
      await deps.clock.sleep(pollMs, stopped.signal)
      if (waiting.size === 0) break
      try {
        for (const { _id } of await deps.store.jobs.finalAmong([...waiting.keys()])) wake(_id)
      } catch (error) {
        deps.log('warn', 'could not look for finished jobs', { error })
      }
    }
    polling = false
  }

  return {
    async wait(id, timeoutMs, signal) {
      const over = new AbortController()
      const end = () => over.abort()
      const waiters = waiting.get(id) ?? new Set()
      waiting.set(id, waiters.add(end))
      signal?.addEventListener('abort', end, { once: true })
      stopped.signal.addEventListener('abort', end, { once: true })
      try {
        // listening first and looking then: a job that ends in between is not missed
        const job = await getJob(deps, id)
        if (isFinal(job.state) || timeoutMs <= 0) return job
        void poll()
        await deps.clock.sleep(Math.min(timeoutMs, longestWaitMs), over.signal)
        return await getJob(deps, id)
      } finally {
        waiters.delete(end)
        if (waiters.size === 0) waiting.delete(id)
        signal?.removeEventListener('abort', end)
        stopped.signal.removeEventListener('abort', end)
      }
    },
    stop() {
      stopped.abort()
      stopListening()
    },
  }
}
