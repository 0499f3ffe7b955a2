/**
 * One index for each question, and partial ones, so that a job sits only in the indexes that its state needs:
 * a million jobs that are finished or not yet due cost a claim nothing.
 */
import type { CreateIndexesOptions, IndexDescription } from 'mongodb'
import { unfinishedStates } from '../../core/states.js'
import { groupIndexes } from './groups.js'
import type { Collections } from './layout.js'

export const jobIndexes = [
  { name: 'claimable', key: { priority: -1, _id: 1 }, partialFilterExpression: { state: 'queued', held: null } },
  { name: 'held', key: { held: 1, worker: 1 }, partialFilterExpression: { held: { $exists: true } } },
  { name: 'due', key: { runAt: 1 }, partialFilterExpression: { state: 'scheduled' } },
  { name: 'overdue', key: { deadline: 1 }, partialFilterExpression: { state: 'running' } },
  { name: 'expired', key: { expireAt: 1 }, partialFilterExpression: { expireAt: { $exists: true } } },
  { name: 'unique', key: { uniqueKey: 1 }, unique: true, partialFilterExpression: { uniqueKey: { $exists: true } } },
  { name: 'call', key: { parent: 1, call: 1 }, unique: true, partialFilterExpression: { call: { $exists: true } } },
  { name: 'blocked', key: { slotKey: 1, priority: -1, _id: 1 }, partialFilterExpression: { state: 'blocked' } },
  { name: 'atomicRequest', key: { atomicRequest: 1 }, partialFilterExpression: { atomicRequest: { $exists: true } } },
  {
    name: 'ofSchedule',
    key: { scheduleId: 1 },
    partialFilterExpression: { scheduleId: { $exists: true }, state: { $in: [...unfinishedStates] } },
  },
  {
    name: 'pinned',
    key: { deployment: 1 },
    partialFilterExpression: { pinned: true, state: { $in: [...unfinishedStates] } },
  },
  { name: 'members', key: { group: 1, _id: 1 }, partialFilterExpression: { group: { $exists: true } } },
  { name: 'openMembers', key: { groupOpen: 1 }, partialFilterExpression: { groupOpen: { $exists: true } } },
  // For lists. Neither changes while a job runs and succeeds, so the hot path does not pay for them.
  { name: 'byWorker', key: { worker: 1, _id: -1 } },
  { name: 'failed', key: { state: 1, _id: -1 }, partialFilterExpression: { state: 'failed' } },
] as const satisfies IndexDescription[]

/**
 * Takes as long as there are jobs. A server gives up an index whose connection is closed meanwhile; the driver knows
 * the option, and its types do not.
 */
const unhurried = { socketTimeoutMS: 0 } as CreateIndexesOptions

export async function ensureIndexes({
  jobs,
  schedules,
  groups,
  throttles,
  slots,
  origins,
}: Collections): Promise<void> {
  await Promise.all([
    jobs.createIndexes(
      jobIndexes.map((index) => ({ ...index })),
      unhurried,
    ),
    schedules.createIndexes(
      [
        { name: 'due', key: { nextRunAt: 1 } },
        { name: 'waiting', key: { overlap: 1 }, partialFilterExpression: { waiting: { $exists: true } } },
      ],
      unhurried,
    ),
    groups.createIndexes(
      groupIndexes.map((index) => ({ ...index })),
      unhurried,
    ),
    throttles.createIndexes([{ name: 'expired', key: { expireAt: 1 } }], unhurried),
    slots.createIndexes([{ name: 'expired', key: { expireAt: 1 } }], unhurried),
    origins.createIndexes([{ name: 'expired', key: { expireAt: 1 } }], unhurried),
  ])
}
