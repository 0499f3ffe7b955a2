/** Looks on while it runs: which jobs were seen final, and as what; how much memory the coordinators take. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { MongoClient } from 'mongodb'
import { finalStates } from '../../core/states.js'
import { collectionsOf, type Collections } from '../../server/store/layout.js'
import { databaseName, type House } from './house/house.js'
import type { Ledger } from './ledger/ledger.js'

export interface SeenFinal {
  state: string
  finishedAt: number
  seenAt: number
}

const lookEveryMs = 5_000
const sampleEveryMs = 1_000

/** A connection past all proxies, to an engine that may be gone at times. */
export async function withDatabase<Result>(
  house: House,
  ask: (collections: Collections) => Promise<Result>,
): Promise<Result> {
  const client = new MongoClient(house.databaseUri(), { serverSelectionTimeoutMS: 10_000, socketTimeoutMS: 20_000 })
  try {
    return await ask(collectionsOf(client.db(databaseName), undefined))
  } finally {
    await client.close()
  }
}

/** Resolves, once `over` aborts, with the first final state that each job was seen in. */
export async function watchFinal(house: House, over: AbortSignal): Promise<Map<string, SeenFinal>> {
  const seen = new Map<string, SeenFinal>()
  let since = new Date(0)
  while (!over.aborted) {
    try {
      await withDatabase(house, async ({ jobs }) => {
        const now = Date.now()
        const final = jobs.find(
          { state: { $in: [...finalStates] }, finishedAt: { $gte: since } },
          { projection: { state: 1, finishedAt: 1 } },
        )
        for await (const { _id, state, finishedAt } of final) {
          if (!seen.has(_id)) seen.set(_id, { state, finishedAt: finishedAt!.getTime(), seenAt: now })
        }
        // what is written late may say that it was finished earlier
        since = new Date(now - 60_000)
      })
    } catch {
      // the engine is away; it is looked at again
    }
    await sleep(lookEveryMs, undefined, { signal: over }).catch(() => {})
  }
  return seen
}

/** Writes the coordinators' memory into the ledger. */
export async function watchMemory({ wings }: House, ledger: Ledger, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    for (const { coordinator } of wings) {
      const rssMb = coordinator.pid === undefined ? undefined : rssOf(coordinator.pid)
      if (rssMb !== undefined) ledger.add({ kind: 'memory', at: Date.now(), name: coordinator.name, rssMb })
    }
    await sleep(sampleEveryMs, undefined, { signal: over }).catch(() => {})
  }
}

/** `undefined` where it has ended, and elsewhere than on Linux. */
function rssOf(pid: number): number | undefined {
  try {
    const kb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kb === undefined ? undefined : Math.round(Number(kb) / 1024)
  } catch {
    return undefined
  }
}
