/**
 * The store: the only importer of the MongoDB driver beside database/connect. It knows guards and indexes, and decides
 * nothing.
 */
import type { Db } from 'mongodb'
import { systemClock } from '../../core/time/clock.js'
import { auditStore, type AuditStore } from './audit.js'
import { atomicRequestsStore, type AtomicRequestsStore } from './atomicRequests.js'
import { deploymentsStore, type DeploymentsStore } from './deployments.js'
import { groupsStore, type GroupsStore } from './groups.js'
import { ensureIndexes } from './indexes.js'
import { jobsStore, type JobsStore } from './jobs/index.js'
import { claimLayout, collectionsOf } from './layout.js'
import type { Tenant } from './tenant.js'
import { apiKeysStore, type ApiKeysStore } from './apiKeys.js'
import { queuePositionStore, type QueuePositionStore } from './queuePosition.js'
import { watchOperations, type OperationsOptions } from './operations.js'
import { pausesStore, type PausesStore } from './pauses.js'
import { receiptsStore, type ReceiptsStore } from './receipts.js'
import { originsStore, type OriginsStore } from './origins.js'
import { schedulesStore, type SchedulesStore } from './schedules.js'
import { slotsStore, type SlotsStore } from './slots.js'
import { throttlesStore, type ThrottlesStore } from './throttles.js'

export interface Store {
  jobs: JobsStore
  receipts: ReceiptsStore
  schedules: SchedulesStore
  throttles: ThrottlesStore
  slots: SlotsStore
  origins: OriginsStore
  lines: QueuePositionStore
  pauses: PausesStore
  audit: AuditStore
  atomicRequests: AtomicRequestsStore
  apiKeys: ApiKeysStore
  groups: GroupsStore
  deployments: DeploymentsStore
  /**
   * Takes the collections for this project, and makes the indexes that are missing. Safe to call from several
   * coordinators at once. Throws `CONFIG` where the collections are another project's.
   */
  prepare(): Promise<void>
  /** The database's own time. */
  now(): Promise<Date>
  /** Throws where the database does not answer. */
  ping(): Promise<void>
}

/** A part for each collection, all of one database. */
const partsOf = (db: Db, { clock, tenant = {} }: StoreOptions) => {
  const collections = collectionsOf(db, tenant.namespace)
  const { jobs, groups, atomicRequests, deployments, live } = collections
  return {
    jobs: jobsStore(jobs),
    receipts: receiptsStore(collections.receipts),
    schedules: schedulesStore(collections.schedules),
    throttles: throttlesStore(collections.throttles),
    slots: slotsStore(collections.slots),
    origins: originsStore(collections.origins),
    lines: queuePositionStore(jobs),
    pauses: pausesStore(collections.pauses),
    audit: auditStore(collections.audit),
    atomicRequests: atomicRequestsStore({ atomicRequests, jobs, groups }),
    groups: groupsStore(groups, jobs),
    deployments: deploymentsStore(deployments, live),
    apiKeys: apiKeysStore(collections.apiKeys),
    store: {
      async prepare() {
        await claimLayout(collections, tenant, clock.now())
        await ensureIndexes(collections)
      },
      async now() {
        const [answer] = await db
          .aggregate<{ now: Date }>([{ $documents: [{}] }, { $project: { now: '$$NOW' } }])
          .toArray()
        return answer!.now
      },
      async ping() {
        await db.command({ ping: 1 })
      },
    },
  }
}

type Parts = ReturnType<typeof partsOf>

export interface StoreOptions extends OperationsOptions {
  /** The owner of the collections. Default: any, without a namespace. */
  tenant?: Tenant
}

const nobody: StoreOptions = { clock: systemClock, back() {}, failing() {} }

/**
 * `database` is asked at each operation, and may answer with another one than before: then all that follows goes there.
 */
export function createStore(database: () => Db, options: StoreOptions = nobody): Store {
  let known: { db: Db; parts: Parts } | undefined
  const parts = (): Parts => {
    const db = database()
    if (known?.db !== db) known = { db, parts: partsOf(db, options) }
    return known.parts
  }
  const watch = watchOperations(options)
  const { store, ...collections } = Object.fromEntries(
    (Object.keys(parts()) as (keyof Parts)[]).map((name) => [name, watch<object>(name, () => parts()[name])]),
  ) as unknown as Parts
  return { ...collections, ...store }
}
