/** What is paused: few documents, read as one. */
import { MongoServerError, type Collection, type Filter } from 'mongodb'
import type { Broken, PauseDocument } from './documents.js'
import { duplicateKey } from './jobs.js'

export function pausesStore(pauses: Collection<PauseDocument>) {
  return {
    /** Oldest first. */
    list: (): Promise<PauseDocument[]> => pauses.find().sort({ at: 1, _id: 1 }).toArray(),

    /** Answers with the pause that was there before, or null where this one is the first. */
    async insert(pause: PauseDocument): Promise<PauseDocument | null> {
      for (;;) {
        try {
          await pauses.insertOne(pause)
          return null
        } catch (error) {
          if (!(error instanceof MongoServerError && error.code === duplicateKey)) throw error
        }
        const existing = await pauses.findOne({ _id: pause._id })
        // it may have been resumed in between
        if (existing) return existing
      }
    },

    /** Answers with the pause that it ended, or null. */
    remove: (id: string): Promise<PauseDocument | null> => pauses.findOneAndDelete({ _id: id }),

    /** Writes what a circuit breaker has come to, unless it has changed since it was seen. Answers whether it was written. */
    async turnBreaker(id: string, seen: Broken, broken: Broken, reason?: string): Promise<boolean> {
      const change = { broken, ...(reason === undefined ? {} : { reason }) }
      return (await pauses.updateOne(unchanged(id, seen), { $set: change })).modifiedCount === 1
    },

    removeBreaker: async (id: string, seen: Broken): Promise<boolean> =>
      (await pauses.deleteOne(unchanged(id, seen))).deletedCount === 1,
  }
}

/** Every change moves the moment. */
const unchanged = (_id: string, { until }: Broken): Filter<PauseDocument> => ({ _id, 'broken.until': until })

export type PausesStore = ReturnType<typeof pausesStore>
