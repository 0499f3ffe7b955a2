/**
 * Wait: tells those who wait for jobs where to look. A signal from this coordinator's own steps comes at once; a job
 * that another coordinator finishes is found by one query a second for all who wait.
 */
import type { JobView } from '../../core/views/answers.gen.js'
import { longestWaitMs } from '../../core/limits.js'
import { setMaxListeners } from 'node:events'
import { isFinal } from '../../core/states.js'
import type { Follower } from '../access/auth.js'
import type { Deps } from '../deps.js'
import { getJob } from './jobActions.js'
import { createPoll } from './poll.js'

export interface Waits {
  /**
   * The job once it is final, or as it is when the time is over, as `getJob` shows it. Throws `UNKNOWN_JOB`, and as
   * `Places` do.
   */
  wait(id: string, timeoutMs: number, viewer: Follower, signal?: AbortSignal): Promise<JobView>
  /** Over when `signal` aborts, and when this coordinator stops. Throws as `Places` do. */
  watch(ids: readonly string[], follower: Follower, signal: AbortSignal): Watch
  stop(): void
}

interface Watch {
  /** Which jobs may have ended since the last call, once there are some; none when it is over. */
  next(): Promise<readonly string[]>
  readonly over: boolean
  /** One job less to wait for. */
  leave(id: string): void
  stop(): void
}

export function createWaits(deps: Deps): Waits {
  const waiting = new Map<string, Set<(id: string) => void>>()
  const stopped = new AbortController()
  // one listener for each request that waits, however many there are
  setMaxListeners(0, stopped.signal)
  const wake = (id: string) => waiting.get(id)?.forEach((hint) => hint(id))
  const stopListening = deps.events.on('finished', ({ id }) => wake(id))

  const poll = createPoll(deps, {
    waiting,
    stopped: stopped.signal,
    async look(ids) {
      for (const id of await deps.store.jobs.finalAmong(ids)) wake(id)
    },
    failing: 'could not look for finished jobs',
  })

  const add = (id: string, hint: (id: string) => void) => {
    waiting.set(id, (waiting.get(id) ?? new Set()).add(hint))
  }
  const remove = (id: string, hint: (id: string) => void) => {
    const hints = waiting.get(id)
    if (hints?.delete(hint) && hints.size === 0) waiting.delete(id)
  }

  return {
    async wait(id, timeoutMs, viewer, signal) {
      const leavePlace = deps.places.take(viewer.name, 1)
      const over = new AbortController()
      const end = () => over.abort()
      add(id, end)
      signal?.addEventListener('abort', end, { once: true })
      stopped.signal.addEventListener('abort', end, { once: true })
      try {
        // listening first and looking then: a job that ends in between is not missed
        const job = await getJob(deps, id, viewer)
        if (isFinal(job.state) || timeoutMs <= 0) return job
        void poll()
        await deps.clock.sleep(Math.min(timeoutMs, longestWaitMs), over.signal)
        return await getJob(deps, id, viewer)
      } finally {
        leavePlace()
        remove(id, end)
        signal?.removeEventListener('abort', end)
        stopped.signal.removeEventListener('abort', end)
      }
    },

    watch(ids, { name }, signal) {
      const leavePlace = deps.places.take(name, ids.length)
      let hinted = new Set<string>()
      let wakeUp = () => {}
      const hint = (id: string) => {
        hinted.add(id)
        wakeUp()
      }
      const over = () => signal.aborted || stopped.signal.aborted
      const end = () => wakeUp()
      signal.addEventListener('abort', end, { once: true })
      stopped.signal.addEventListener('abort', end, { once: true })
      for (const id of ids) add(id, hint)
      return {
        async next() {
          void poll()
          if (hinted.size === 0 && !over()) await new Promise<void>((resolve) => (wakeUp = resolve))
          const ended = [...hinted]
          hinted = new Set()
          return ended
        },
        get over() {
          return over()
        },
        leave: (id) => remove(id, hint),
        stop() {
          leavePlace()
          for (const id of ids) remove(id, hint)
          signal.removeEventListener('abort', end)
          stopped.signal.removeEventListener('abort', end)
        },
      }
    },

    stop() {
      stopped.abort()
      stopListening()
    },
  }
}
