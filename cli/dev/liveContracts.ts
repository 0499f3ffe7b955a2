/**
 * Contracts that are replaced under a running coordinator: it keeps its port, its connections and the attempts that
 * run.
 */
import type { Contracts } from '../../server/index.js'

export interface LiveContracts extends Contracts {
  /** Rejects, and changes nothing, where a contract in use cannot be loaded. */
  replace(next: Contracts): Promise<void>
}

export function createLiveContracts(first: Contracts): LiveContracts {
  let current = first
  return {
    get names() {
      return current.names
    },
    get scheduled() {
      return current.scheduled
    },
    has: (worker) => current.has(worker),
    get: (worker) => current.get(worker),
    loaded: (worker) => current.loaded(worker),
    async replace(next) {
      // a claim that is under way has loaded its contracts and relies on that; so they are loaded before the swap
      const inUse = current.names.filter((name) => current.loaded(name) !== undefined && next.has(name))
      await Promise.all(inUse.map((name) => next.get(name)))
      current = next
    },
  }
}
