/** Groups, and what is asked of jobs by their group. */
import type { Collection, Filter, IndexDescription } from 'mongodb'
import { finalStates, type FinalState, type JobState } from '../../core/states.js'
import type { GroupDocument, JobDocument } from './documents.js'
import { asSeen, updateAll, type SeenJob } from './revision.js'
import { argsLength, rowProjection } from './projections.js'
import { duplicates } from './duplicates.js'
import { readPage, type Page } from './page.js'

export const groupIndexes = [
  { name: 'open', key: { state: 1, _id: 1 }, partialFilterExpression: { state: 'open' } },
  { name: 'nested', key: { parent: 1, state: 1 }, partialFilterExpression: { parent: { $exists: true } } },
  { name: 'root', key: { root: 1 } },
  { name: 'expired', key: { expireAt: 1 }, partialFilterExpression: { expireAt: { $exists: true } } },
  { name: 'atomicRequest', key: { atomicRequest: 1 }, partialFilterExpression: { atomicRequest: { $exists: true } } },
] as const satisfies IndexDescription[]

/** A member, without its args. */
export type MemberDocument = Omit<JobDocument, 'args' | 'argsMeta'>

export interface MemberFilter {
  state: JobState | undefined
  after: string | undefined
  limit: number
  withoutArgs: boolean
}

export interface Closing {
  now: Date
  thenJob?: string
  outcome?: FinalState
  /** Only of an outermost group. */
  expireAt?: Date
}

const waitingStates: JobState[] = ['scheduled', 'queued', 'blocked']
const withoutArgs = { args: 0, argsMeta: 0 } as const

export function groupsStore(groups: Collection<GroupDocument>, jobs: Collection<JobDocument>) {
  const hasOpenJob = async (id: string) =>
    (await jobs.findOne({ groupOpen: id }, { hint: 'openMembers', projection: { _id: 1 } })) !== null
  const hasOpenGroup = async (id: string) =>
    (await groups.findOne({ parent: id, state: 'open' }, { hint: 'nested', projection: { _id: 1 } })) !== null

  return {
    /** Those that are there already under their ids were inserted by an earlier try. */
    async insertMany(documents: GroupDocument[]): Promise<void> {
      await groups.insertMany(documents, { ordered: false }).catch(duplicates)
    },

    find: (id: string): Promise<GroupDocument | null> => groups.findOne({ _id: id }),

    findMany: (ids: string[]): Promise<GroupDocument[]> => groups.find({ _id: { $in: ids } }).toArray(),

    /** In the order in which they were given. */
    nestedIn: (id: string): Promise<GroupDocument[]> => groups.find({ parent: id }).sort({ _id: 1 }).toArray(),

    /** Open groups by id, each page from where the last one ended. */
    open: (after: string | undefined, limit: number): Promise<GroupDocument[]> =>
      groups
        .find(
          { state: 'open', atomicRequest: { $exists: false }, ...(after === undefined ? {} : { _id: { $gt: after } }) },
          { hint: 'open' },
        )
        .sort({ _id: 1 })
        .limit(limit)
        .toArray(),

    /**
     * A look in an index or two, however many members there are. Mostly it is a job that keeps a group open. That
     * nothing does is known only where jobs were asked *after* groups: a nested group makes its callback, which is a
     * job of this group, before it closes. So when no nested group is open, all their callbacks are there, and a look
     * at the jobs sees those that have not ended. The other way round, a group that makes its callback behind the one
     * look and closes before the other would be missed by both.
     */
    async hasOpenMembers(id: string): Promise<boolean> {
      return (await hasOpenJob(id)) || (await hasOpenGroup(id)) || (await hasOpenJob(id))
    },

    countOpen: (id: string): Promise<number> => jobs.countDocuments({ groupOpen: id }, { hint: 'openMembers' }),

    /** Whether any member failed. A nested group with a callback ended as that did. */
    async hasFailed(id: string): Promise<boolean> {
      const [job, group] = await Promise.all([
        jobs.findOne({ group: id, state: 'failed' }, { hint: 'members', projection: { _id: 1 } }),
        groups.findOne({ parent: id, outcome: 'failed' }, { hint: 'nested', projection: { _id: 1 } }),
      ])
      return job !== null || group !== null
    },

    /** How the nested groups ended that have no callback. */
    async outcomesNestedIn(id: string): Promise<FinalState[]> {
      const nested = await groups
        .find({ parent: id, outcome: { $exists: true } }, { hint: 'nested', projection: { outcome: 1 } })
        .toArray()
      return nested.map(({ outcome }) => outcome!)
    },

    async countStates(id: string): Promise<{ state: JobState; count: number }[]> {
      const rows = await jobs
        .aggregate<{ _id: JobState; count: number }>(
          [{ $match: { group: id } }, { $group: { _id: '$state', count: { $sum: 1 } } }],
          { hint: 'members' },
        )
        .toArray()
      return rows.map(({ _id, count }) => ({ state: _id, count }))
    },

    /** Members that still keep the group open. */
    openJobs: (id: string, limit: number): Promise<MemberDocument[]> =>
      jobs.find({ groupOpen: id }, { hint: 'openMembers', projection: withoutArgs }).limit(limit).toArray(),

    /** Members whose args and receipts were deleted. */
    erasedMembers: async (id: string): Promise<string[]> =>
      (await jobs.find({ group: id, erased: true }, { hint: 'members', projection: { _id: 1 } }).toArray()).map(
        ({ _id }) => _id,
      ),

    /** All members, in the order of their ids. */
    members: (id: string): Promise<Pick<JobDocument, '_id' | 'worker' | 'state' | 'cancelledAttempts'>[]> =>
      jobs
        .find({ group: id }, { hint: 'members', projection: { worker: 1, state: 1, cancelledAttempts: 1 } })
        .sort({ _id: 1 })
        .toArray(),

    listJobs(id: string, { state, after, limit, withoutArgs }: MemberFilter): Promise<Page<JobDocument>> {
      const filter: Filter<JobDocument> = {
        group: id,
        ...(state === undefined ? {} : { state }),
        ...(after === undefined ? {} : { _id: { $gt: after } }),
      }
      const found = jobs.find(filter, { hint: 'members', projection: rowProjection(withoutArgs) })
      return readPage(found.sort({ _id: 1 }), limit, argsLength)
    },

    /** Cancels members that wait, and are as they were seen. */
    async cancelWaiting(seen: readonly SeenJob[], finishedAt: Date, expireAt: Date): Promise<void> {
      await updateAll(
        jobs,
        asSeen(seen).map((asTheyWere) => ({
          filter: { ...asTheyWere, state: { $in: waitingStates } },
          update: {
            $set: { state: 'cancelled', finishedAt, expireAt },
            $unset: { held: '', uniqueKey: '', groupOpen: '' },
          },
        })),
      )
    },

    // --- the end -------------------------------------------------------------------------------------------------

    /**
     * Answers with the group, or null where it was not open, or has been cancelled since its outcome was worked out.
     * Whether it was cancelled while its callback was made the answer tells.
     */
    close: (id: string, { now, ...more }: Closing): Promise<GroupDocument | null> =>
      groups.findOneAndUpdate(
        {
          _id: id,
          state: 'open',
          ...(more.outcome === undefined || more.outcome === 'cancelled' ? {} : { cancelled: { $exists: false } }),
        },
        // the callback has its args by then, or none is made
        {
          $set: { state: 'closed', closedAt: now, ...more },
          $unset: { problem: '', 'then.args': '', 'then.argsMeta': '' },
        },
        { returnDocument: 'after' },
      ),

    /** Of one that was cancelled and closed while its callback was made. Answers whether it is one. */
    async takeCallback(id: string, thenJob: string): Promise<boolean> {
      const orphaned = { _id: id, state: 'closed', cancelled: true, thenJob: { $exists: false } } as const
      return (await groups.updateOne(orphaned, { $set: { thenJob } })).matchedCount === 1
    },

    /** Not of one that was cancelled meanwhile, which needs no callback. */
    async setProblem(id: string, problem: NonNullable<GroupDocument['problem']>): Promise<void> {
      await groups.updateOne({ _id: id, state: 'open', cancelled: { $exists: false } }, { $set: { problem } })
    },

    /** Answers whether the group is open. */
    async markCancelled(id: string): Promise<boolean> {
      const { matchedCount } = await groups.updateOne(
        { _id: id, state: 'open' },
        { $set: { cancelled: true }, $unset: { problem: '' } },
      )
      return matchedCount === 1
    },

    /** Which of them are over: closed, or stuck. */
    overAmong: (ids: string[]): Promise<Pick<GroupDocument, '_id'>[]> =>
      groups
        .find(
          { _id: { $in: ids }, $or: [{ state: 'closed' }, { problem: { $exists: true } }] },
          { projection: { _id: 1 } },
        )
        .toArray(),

    // --- purge ---------------------------------------------------------------------------------------------------

    /** Which of these groups need their jobs: open ones, and closed ones whose callback has not ended. */
    async needing(ids: string[]): Promise<Set<string>> {
      const found = await groups.find({ _id: { $in: ids } }, { projection: { state: 1, thenJob: 1 } }).toArray()
      const callbacks = found.flatMap(({ state, thenJob }) => (state === 'closed' ? (thenJob ?? []) : []))
      const running = await jobs
        .find({ _id: { $in: callbacks }, state: { $nin: [...finalStates] } }, { projection: { _id: 1 } })
        .toArray()
      const runs = new Set(running.map(({ _id }) => _id))
      return new Set(
        found
          .filter(({ state, thenJob }) => state === 'open' || (thenJob !== undefined && runs.has(thenJob)))
          .map(({ _id }) => _id),
      )
    },

    async removeExpired(now: Date, limit: number): Promise<void> {
      const roots = await groups
        .find({ expireAt: { $lte: now } }, { hint: 'expired', projection: { _id: 1 } })
        .limit(limit)
        .toArray()
      if (roots.length > 0) await groups.deleteMany({ root: { $in: roots.map(({ _id }) => _id) } })
    },
  }
}

export type GroupsStore = ReturnType<typeof groupsStore>
