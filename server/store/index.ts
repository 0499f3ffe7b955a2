/** The store: the only importer of the MongoDB driver beside server/database. It knows guards and indexes, and decides nothing. */
import type { Db } from 'mongodb'
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
  ThrottleDocument,
} from './documents.js'
import { auditStore, type AuditStore } from './audit.js'
import { batchesStore, type BatchesStore } from './batches.js'
import { deploymentsStore, type DeploymentsStore } from './deployments.js'
import { groupsStore, type GroupsStore } from './groups.js'
import { ensureIndexes } from './indexes.js'
import { jobsStore, type JobsStore } from './jobs.js'
import { keysStore, type KeysStore } from './keys.js'
import { linesStore, type LinesStore } from './lines.js'
import { createNoticing, type Notice } from './notice.js'
import { pausesStore, type PausesStore } from './pauses.js'
import { receiptsStore, type ReceiptsStore } from './receipts.js'
import { schedulesStore, type SchedulesStore } from './schedules.js'
import { throttlesStore, type ThrottlesStore } from './throttles.js'

export interface Store {
  jobs: JobsStore
  receipts: ReceiptsStore
  schedules: SchedulesStore
  throttles: ThrottlesStore
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

export function createStore(db: Db, notice: Notice = { back() {} }): Store {
  const told = createNoticing(notice)
  return {
    jobs: told(jobsStore(db.collection<JobDocument>('jobs'))),
    receipts: told(receiptsStore(db.collection<AttemptEndDocument>('receipts'))),
    schedules: told(schedulesStore(db.collection<ScheduleDocument>('schedules'))),
    throttles: told(throttlesStore(db.collection<ThrottleDocument>('throttles'))),
    lines: told(linesStore(db.collection<JobDocument>('jobs'))),
    pauses: told(pausesStore(db.collection<PauseDocument>('pauses'))),
    audit: told(auditStore(db.collection<AuditDocument>('audit'))),
    batches: told(
      batchesStore({
        batches: db.collection<BatchDocument>('batches'),
        jobs: db.collection<JobDocument>('jobs'),
        groups: db.collection<GroupDocument>('groups'),
      }),
    ),
    groups: told(groupsStore(db.collection<GroupDocument>('groups'), db.collection<JobDocument>('jobs'))),
    deployments: told(
      deploymentsStore(db.collection<DeploymentDocument>('deployments'), db.collection<LiveDocument>('live')),
    ),
    keys: told(keysStore(db.collection<KeyDocument>('keys'))),
    ...told({
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
    }),
  }
}
