/** Pauses: few documents, read as one. */
import type { Collection, Filter } from 'mongodb'
import type { BreakerDocument, Broken, PauseDocument } from './documents.js'
import { inserts } from './duplicates.js'

export function pausesStore(pauses: Collection<PauseDocument>) {
  return {
    /** Oldest first. */
    list: (): Promise<PauseDocument[]> => pauses.find().sort({ at: 1, _id: 1 }).toArray(),

    /** Answers with the pause that was there before, or null where this one is the first. */
    async insert(pause: PauseDocument): Promise<PauseDocument | null> {
      for (;;) {
        if (await inserts(pauses.insertOne(pause))) return null
        const existing = await pauses.findOne({ _id: pause._id })
        // it may have been resumed in between
        if (existing) return existing
      }
    },

    /** Answers with the pause that it ended, or null. */
    remove: (id: string): Promise<PauseDocument | null> => pauses.findOneAndDelete({ _id: id }),

    /**
     * Writes what a circuit breaker has come to, unless it has changed since it was seen. Answers whether it was
     * written.
     */
    async turnBreaker(seen: BreakerDocument, broken: Broken, reason?: string): Promise<boolean> {
      const change = { broken, ...(reason === undefined ? {} : { reason }) }
      return (await pauses.updateOne(unchanged(seen), { $set: change })).modifiedCount === 1
    },

    removeBreaker: async (seen: BreakerDocument): Promise<boolean> =>
      (await pauses.deleteOne(unchanged(seen))).deletedCount === 1,
  }
}

/**
 * All that is acted upon. The moment alone may be the same after two changes within one millisecond, and in a breaker
 * that was made anew.
 */
const unchanged = ({ _id, at, broken: { until, times, probe } }: BreakerDocument): Filter<PauseDocument> => ({
  _id,
  at,
  'broken.until': until,
  'broken.times': times,
  'broken.probe': probe ?? { $exists: false },
})

export type PausesStore = ReturnType<typeof pausesStore>
