/** What is paused: few documents, read as one. */
import { MongoServerError, type Collection } from 'mongodb'
import type { PauseDocument } from './documents.js'
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
  }
}

export type PausesStore = ReturnType<typeof pausesStore>
