/** The store: the only importer of the MongoDB driver beside database/connect. It knows guards and indexes, and decides nothing. */
import type { Db } from 'mongodb'
import { systemClock } from '../../core/time/clock.js'
import type {
  AttemptEndDocument,
  AuditDocument,
  BatchDocument,
  DeploymentDocument,
  GroupDocument,
  JobDocument,
  KeyDocument,
  LiveDocument,
  PauseDocument,
  ScheduleDocument,
  SlotsDocument,
  ThrottleDocument,
} from './documents.js'
import { auditStore, type AuditStore } from './audit.js'
import { batchesStore, type BatchesStore } from './batches.js'
import { deploymentsStore, type DeploymentsStore } from './deployments.js'
import { groupsStore, type GroupsStore } from './groups.js'
import { ensureIndexes } from './indexes.js'
import { jobsStore, type JobsStore } from './jobs/index.js'
import { keysStore, type KeysStore } from './keys.js'
import { linesStore, type LinesStore } from './lines.js'
import { watchOperations, type OperationsOptions } from './operations.js'
import { pausesStore, type PausesStore } from './pauses.js'
import { receiptsStore, type ReceiptsStore } from './receipts.js'
import { schedulesStore, type SchedulesStore } from './schedules.js'
import { slotsStore, type SlotsStore } from './slots.js'
import { throttlesStore, type ThrottlesStore } from './throttles.js'

export interface Store {
  jobs: JobsStore
  receipts: ReceiptsStore
  schedules: SchedulesStore
  throttles: ThrottlesStore
  slots: SlotsStore
  lines: LinesStore
  pauses: PausesStore
  audit: AuditStore
  batches: BatchesStore
  keys: KeysStore
  groups: GroupsStore
  deployments: DeploymentsStore
  /** Makes the indexes where they are missing. Safe to call from several coordinators at once. */
  prepare(): Promise<void>
  /** The database's own time. */
  now(): Promise<Date>
  /** Throws where the database does not answer. */
  ping(): Promise<void>
}

/** A part for each collection, all of one database. */
const partsOf = (db: Db) => ({
  jobs: jobsStore(db.collection<JobDocument>('jobs')),
  receipts: receiptsStore(db.collection<AttemptEndDocument>('receipts')),
  schedules: schedulesStore(db.collection<ScheduleDocument>('schedules')),
  throttles: throttlesStore(db.collection<ThrottleDocument>('throttles')),
  slots: slotsStore(db.collection<SlotsDocument>('slots')),
  lines: linesStore(db.collection<JobDocument>('jobs')),
  pauses: pausesStore(db.collection<PauseDocument>('pauses')),
  audit: auditStore(db.collection<AuditDocument>('audit')),
  batches: batchesStore({
    batches: db.collection<BatchDocument>('batches'),
    jobs: db.collection<JobDocument>('jobs'),
    groups: db.collection<GroupDocument>('groups'),
  }),
  groups: groupsStore(db.collection<GroupDocument>('groups'), db.collection<JobDocument>('jobs')),
  deployments: deploymentsStore(db.collection<DeploymentDocument>('deployments'), db.collection<LiveDocument>('live')),
  keys: keysStore(db.collection<KeyDocument>('keys')),
  store: {
    prepare: () => ensureIndexes(db),
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
})

type Parts = ReturnType<typeof partsOf>

const nobody: OperationsOptions = { clock: systemClock, back() {}, failing() {} }

/** `database` is asked at each operation, and may answer with another one than before: then all that follows goes there. */
export function createStore(database: () => Db, options: OperationsOptions = nobody): Store {
  let known: { db: Db; parts: Parts } | undefined
  const parts = (): Parts => {
    const db = database()
    if (known?.db !== db) known = { db, parts: partsOf(db) }
    return known.parts
  }
  const watch = watchOperations(options)
  const { store, ...collections } = Object.fromEntries(
    (Object.keys(parts()) as (keyof Parts)[]).map((name) => [name, watch<object>(name, () => parts()[name])]),
  ) as unknown as Parts
  return { ...collections, ...store }
}
