/**
 * Long polls for a group's end. A signal from this coordinator's own steps ends the wait at once; a group that another
 * coordinator closes is found by one query a second for all who wait.
 */
import type { GroupEnd } from '../../core/views/answers.gen.js'
import { longestWaitMs } from '../../core/limits.js'
import { setMaxListeners } from 'node:events'
import type { Follower } from '../access/auth.js'
import type { Deps } from '../deps.js'
import { createPoll } from '../operations/poll.js'
import { getGroupEnd } from './view.js'

export interface GroupWaits {
  /**
   * The group once it is closed or stuck, or as it is when the time is over. Throws `UNKNOWN_GROUP`, and as `Places`
   * do.
   */
  wait(id: string, timeoutMs: number, follower: Follower, signal?: AbortSignal): Promise<GroupEnd>
  stop(): void
}

export function createGroupWaits(deps: Deps): GroupWaits {
  const waiting = new Map<string, Set<() => void>>()
  const stopped = new AbortController()
  // one listener for each request that waits, however many there are
  setMaxListeners(0, stopped.signal)
  const wake = (id: string) => waiting.get(id)?.forEach((end) => end())
  const stopListening = deps.events.on('groupOver', ({ id }) => wake(id))

  const poll = createPoll(deps, {
    waiting,
    stopped: stopped.signal,
    async look(ids) {
      for (const { _id } of await deps.store.groups.overAmong(ids)) wake(_id)
    },
    failing: 'could not look for groups that are over',
  })

  return {
    async wait(id, timeoutMs, { name }, signal) {
      const leavePlace = deps.places.take(name, 1)
      const over = new AbortController()
      const end = () => over.abort()
      const waiters = waiting.get(id) ?? new Set()
      waiting.set(id, waiters.add(end))
      signal?.addEventListener('abort', end, { once: true })
      stopped.signal.addEventListener('abort', end, { once: true })
      try {
        // listening first and looking then: a group that ends in between is not missed
        const group = await getGroupEnd(deps, id)
        if (group.state !== 'open' || timeoutMs <= 0 || signal?.aborted || stopped.signal.aborted) return group
        void poll()
        await deps.clock.sleep(Math.min(timeoutMs, longestWaitMs), over.signal)
        return await getGroupEnd(deps, id)
      } finally {
        leavePlace()
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
