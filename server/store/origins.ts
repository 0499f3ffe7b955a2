/**
 * Origins: the job that was made for an id of its caller, where that could not be the job's own. The first entry under
 * an id decides, so a request that comes again makes no second job.
 */
import type { Collection } from 'mongodb'
import type { OriginDocument } from './documents.js'
import { isDuplicate } from './duplicates.js'

export function originsStore(origins: Collection<OriginDocument>) {
  return {
    /** The job of that id: this one, unless an earlier request has named another. */
    async claim(id: string, job: string, expireAt: Date): Promise<string> {
      for (;;) {
        const found = await origins.findOne({ _id: id })
        if (found) return found.job
        try {
          await origins.insertOne({ _id: id, job, expireAt })
          return job
        } catch (error) {
          if (!isDuplicate(error)) throw error
        }
      }
    },

    expired: (now: Date, limit: number): Promise<OriginDocument[]> =>
      origins
        .find({ expireAt: { $lte: now }, job: { $exists: true } }, { hint: 'expired' })
        .sort({ expireAt: 1 })
        .limit(limit)
        .toArray(),

    /** Keeps entries until then that would go now. */
    async keep(ids: string[], now: Date, expireAt: Date): Promise<void> {
      await origins.updateMany({ _id: { $in: ids }, expireAt: { $lte: now } }, { $set: { expireAt } })
    },

    async remove(ids: string[], now: Date): Promise<void> {
      await origins.deleteMany({ _id: { $in: ids }, expireAt: { $lte: now }, job: { $exists: true } })
    },
  }
}

export type OriginsStore = ReturnType<typeof originsStore>
