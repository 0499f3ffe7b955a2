/**
 * Atomic requests: jobs, and groups of them, that come all or none. A request's document says what becomes of its jobs;
 * see server/jobs/atomic.ts.
 */
import type { Collection } from 'mongodb'
import type { AtomicRequestDocument, GroupDocument, JobDocument } from './documents.js'
import { inserts } from './duplicates.js'
import { raised } from './revision.js'

interface Collections {
  atomicRequests: Collection<AtomicRequestDocument>
  jobs: Collection<JobDocument>
  groups: Collection<GroupDocument>
}

export function atomicRequestsStore({ atomicRequests, jobs, groups }: Collections) {
  return {
    /** One that is there already was begun by an earlier try. */
    async begin(id: string, now: Date): Promise<void> {
      await inserts(atomicRequests.insertOne({ _id: id, state: 'writing', since: now }))
    },

    /** The decision; `undefined` where it is forgotten. */
    stateOf: async (id: string): Promise<AtomicRequestDocument['state'] | undefined> =>
      (await atomicRequests.findOne({ _id: id }))?.state,

    /** The first call decides. Answers whether that was this one. */
    async decide(id: string, state: 'committed' | 'undone', now: Date): Promise<boolean> {
      const { modifiedCount } = await atomicRequests.updateOne(
        { _id: id, state: 'writing' },
        { $set: { state, since: now } },
      )
      return modifiedCount === 1
    },

    /** Requests that have stood in their state since then or longer: their coordinator is gone, or very slow. */
    abandoned: (before: Date, limit: number): Promise<AtomicRequestDocument[]> =>
      atomicRequests
        .find({ since: { $lte: before } })
        .limit(limit)
        .toArray(),

    async forget(id: string): Promise<void> {
      await atomicRequests.deleteOne({ _id: id })
    },

    /** Lets the request's jobs into the claim index, as far as nothing else keeps them out of it. */
    async release(id: string): Promise<void> {
      await jobs.updateMany(
        { atomicRequest: id, held: 'atomic' },
        { $unset: { atomicRequest: '', held: '' }, ...raised },
        { hint: 'atomicRequest' },
      )
      await jobs.updateMany(
        { atomicRequest: id },
        { $unset: { atomicRequest: '' }, ...raised },
        { hint: 'atomicRequest' },
      )
      // last: a group that is still being written is not closed, and one that is written has all its members
      await groups.updateMany({ atomicRequest: id }, { $unset: { atomicRequest: '' } }, { hint: 'atomicRequest' })
    },

    /** Answers with how many jobs went. */
    async undo(id: string): Promise<number> {
      const { deletedCount } = await jobs.deleteMany({ atomicRequest: id }, { hint: 'atomicRequest' })
      await groups.deleteMany({ atomicRequest: id }, { hint: 'atomicRequest' })
      return deletedCount
    },
  }
}

export type AtomicRequestsStore = ReturnType<typeof atomicRequestsStore>
