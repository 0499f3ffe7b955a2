/**
 * Keeps the database's keys, because a guard asks for them with every request: read at most every few seconds, and at
 * once after a change made here. So a key that another coordinator revoked works here for `keysFreshMs` at the longest.
 */
import type { Clock } from '../../core/time/clock.js'
import type { ApiKeysStore } from '../store/apiKeys.js'
import type { StoredKey, KeyRing } from '../deps.js'

/** How old what is known of the keys may be. */
const keysFreshMs = 3_000
/** The time of a key's last use is as exact as this. */
const useEveryMs = 60_000

export function createKeyRing(store: ApiKeysStore, clock: Clock): KeyRing {
  let known: { keys: readonly StoredKey[]; at: number } | undefined
  let reading: Promise<readonly StoredKey[]> | undefined
  const uses = new Map<string, Date>()

  const read = (): Promise<readonly StoredKey[]> => {
    const at = clock.now().getTime()
    const mine = store.all().then((documents) => {
      const keys = documents.map(({ _id, hash, role, workers, args, lastUsedAt }) => ({
        name: _id,
        digest: Buffer.from(hash, 'hex'),
        role,
        ...(workers === undefined ? {} : { workers }),
        ...(args === undefined ? {} : { args }),
        lastUsedAt,
      }))
      // one that was begun before a change may not see it
      if (reading === mine) known = { keys, at }
      return keys
    })
    return mine
  }

  return {
    async keys() {
      if (known && Math.abs(clock.now().getTime() - known.at) < keysFreshMs) return known.keys
      if (reading) return reading
      const mine = (reading = read())
      try {
        return await mine
      } finally {
        if (reading === mine) reading = undefined
      }
    },
    forget() {
      known = undefined
      reading = undefined
    },
    used: (name) => void uses.set(name, clock.now()),
    async writeUses() {
      const written = new Map(known?.keys.map(({ name, lastUsedAt }) => [name, lastUsedAt?.getTime() ?? 0]))
      const due = [...uses].filter(([name, at]) => at.getTime() - (written.get(name) ?? 0) >= useEveryMs)
      if (due.length === 0) return
      uses.clear()
      await store.writeUses(due)
    },
  }
}
