/** Batches: jobs, and groups of them, that come all or none. A batch's document says what becomes of its jobs; see server/jobs/together. */
import type { Collection } from 'mongodb'
import type { BatchDocument, GroupDocument, JobDocument } from './documents.js'
import { inserts } from './duplicates.js'
import { raised } from './revision.js'

interface Collections {
  batches: Collection<BatchDocument>
  jobs: Collection<JobDocument>
  groups: Collection<GroupDocument>
}

export function batchesStore({ batches, jobs, groups }: Collections) {
  return {
    /** One that is there already was begun by an earlier try. */
    async begin(id: string, now: Date): Promise<void> {
      await inserts(batches.insertOne({ _id: id, state: 'writing', since: now }))
    },

    /** What was decided; `undefined` where it is forgotten. */
    stateOf: async (id: string): Promise<BatchDocument['state'] | undefined> =>
      (await batches.findOne({ _id: id }))?.state,

    /** Whoever is first decides. Answers whether that was this call. */
    async decide(id: string, state: 'committed' | 'undone', now: Date): Promise<boolean> {
      const { modifiedCount } = await batches.updateOne({ _id: id, state: 'writing' }, { $set: { state, since: now } })
      return modifiedCount === 1
    },

    /** Batches that have stood in their state since then or longer: whoever wrote them is gone, or very slow. */
    abandoned: (before: Date, limit: number): Promise<BatchDocument[]> =>
      batches
        .find({ since: { $lte: before } })
        .limit(limit)
        .toArray(),

    async forget(id: string): Promise<void> {
      await batches.deleteOne({ _id: id })
    },

    /** Lets the batch's jobs into the claim index, as far as nothing else keeps them out of it. */
    async release(id: string): Promise<void> {
      await jobs.updateMany(
        { batch: id, held: 'atomic' },
        { $unset: { batch: '', held: '' }, ...raised },
        { hint: 'batch' },
      )
      await jobs.updateMany({ batch: id }, { $unset: { batch: '' }, ...raised }, { hint: 'batch' })
      // last: a group that is still being written is not closed, and one that is written has all its members
      await groups.updateMany({ batch: id }, { $unset: { batch: '' } }, { hint: 'batch' })
    },

    /** Answers with how many jobs went. */
    async undo(id: string): Promise<number> {
      const { deletedCount } = await jobs.deleteMany({ batch: id }, { hint: 'batch' })
      await groups.deleteMany({ batch: id }, { hint: 'batch' })
      return deletedCount
    },
  }
}

export type BatchesStore = ReturnType<typeof batchesStore>
