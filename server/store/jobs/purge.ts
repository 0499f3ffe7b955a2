/** Purge: jobs whose time is over. */
import type { Collection } from 'mongodb'
import type { JobDocument } from '../documents.js'

export const purgeStore = (jobs: Collection<JobDocument>) => ({
  expired: (now: Date, limit: number): Promise<Pick<JobDocument, '_id' | 'group' | 'callbackOf'>[]> =>
    jobs
      .find(
        { expireAt: { $lte: now }, worker: { $exists: true } },
        { hint: 'expired', projection: { group: 1, callbackOf: 1 } },
      )
      .sort({ expireAt: 1 })
      .limit(limit)
      .toArray(),

  /** Keeps jobs until then that would go now. */
  async keep(ids: string[], now: Date, expireAt: Date): Promise<void> {
    await jobs.updateMany({ _id: { $in: ids }, expireAt: { $lte: now } }, { $set: { expireAt } })
  },

  async remove(ids: string[], now: Date): Promise<number> {
    const { deletedCount } = await jobs.deleteMany({
      _id: { $in: ids },
      expireAt: { $lte: now },
      worker: { $exists: true },
    })
    return deletedCount
  },
})
