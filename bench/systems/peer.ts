/**
 * A session of a peer: its server, a process that enqueues and one that works. Each peer says how those two use its
 * library.
 */
import { openAll, type Closers } from '../harness/closers.js'
import { httpEndpoint } from '../harness/http.js'
import type { producerRole } from '../harness/producer.js'
import { openRole, type RemoteRole } from '../harness/role.js'
import { now } from '../harness/time.js'
import type { workerRole } from '../harness/worker.js'
import type { OthersKind, Purpose, Session, Settings } from './system.js'

export interface PeerParts {
  producer: RemoteRole<(init: never) => Promise<ReturnType<typeof producerRole>>>
  worker: RemoteRole<(init: never) => Promise<ReturnType<typeof workerRole>>>
  settings: Settings
  isDrained: () => Promise<boolean>
  /** Default: enqueued like all jobs, to another queue or for tomorrow. */
  addOthers?: (kind: OthersKind, count: number) => Promise<void>
  /** Called once the others are there. */
  settle?: () => Promise<void>
  serverPids: () => number[]
}

const http = new URL('../harness/http.js', import.meta.url).href

/** The queue that no worker takes from. */
export const otherQueue = 'other'

/** The queue of a load: all that is measured goes through one. */
export const queueOf = (worker: string | undefined): string => (worker === otherQueue ? otherQueue : 'jobs')

const othersLoad = { waiting: { worker: otherQueue }, scheduled: { delayMs: 86_400_000 }, finished: {} }

export const peerSession = (purpose: Purpose, open: (closers: Closers) => Promise<PeerParts>): Promise<Session> =>
  openAll(async (closers) => {
    const { producer, worker, settings, isDrained, addOthers, settle, serverPids } = await open(closers)
    const endpoint = purpose === 'http' ? closers.add(await openRole(http, httpEndpoint, {})) : undefined
    return {
      settings,
      bulk: (count, load) => producer.call('bulk', { count, load }),
      single: (count, callers) => producer.call('single', { count, callers }),
      one: (i) => producer.call('one', { i }),
      isDrained,
      pids: () => ({ worker: [worker.pid], server: serverPids() }),
      enqueuers: () => ({ producer: [producer.pid] }),
      async start() {
        const startedAt = now()
        await worker.call('start', { callUrl: endpoint?.ready.url })
        return {
          startedAt,
          readyAt: now(),
          handled: (count) => worker.call('handled', { count }),
          startOf: (i) => worker.call('startOf', { i }),
          clear: () => worker.call('clear'),
          stop: () => worker.call('stop'),
        }
      },
      async addOthers(kind, count) {
        if (addOthers) await addOthers(kind, count)
        else await producer.call('bulk', { count, load: othersLoad[kind] })
        await settle?.()
      },
      [Symbol.asyncDispose]: () => closers.close(),
    }
  })

/** Where W6 is not measured for peers. */
export const lacksFinished = { 'W6 finished': 'not measured' }
