import type { AnyBulkWriteOperation, Collection } from 'mongodb'
import type { ThrottleDocument } from './documents.js'
import { duplicates } from './duplicates.js'

export interface ThrottleWrite {
  id: string
  /** The version that was read; undefined where there was no document. */
  from: string | undefined
  tat: number
  line: number
  expireAt: Date
}

export function throttlesStore(throttles: Collection<ThrottleDocument>) {
  return {
    async findMany(ids: string[]): Promise<Map<string, ThrottleDocument>> {
      const found = await throttles.find({ _id: { $in: ids } }).toArray()
      return new Map(found.map((document) => [document._id, document]))
    },

    /**
     * Writes what was worked out from a read, unless another write came in between. Answers with the ids that were
     * written.
     */
    async writeMany(writes: ThrottleWrite[], version: string): Promise<Set<string>> {
      const operations = writes.map(({ id, from, ...fields }): AnyBulkWriteOperation<ThrottleDocument> =>
        from === undefined
          ? { insertOne: { document: { _id: id, ...fields, version } } }
          : { updateOne: { filter: { _id: id, version: from }, update: { $set: { ...fields, version } } } },
      )
      let written = 0
      try {
        const result = await throttles.bulkWrite(operations, { ordered: false })
        written = result.insertedCount + result.modifiedCount
      } catch (error) {
        duplicates(error)
      }
      const ids = writes.map(({ id }) => id)
      if (written === writes.length) return new Set(ids)
      const ours = await throttles.find({ _id: { $in: ids }, version }, { projection: { _id: 1 } }).toArray()
      return new Set(ours.map(({ _id }) => _id))
    },

    async removeExpired(now: Date): Promise<void> {
      await throttles.deleteMany({ expireAt: { $lte: now }, tat: { $exists: true } })
    },
  }
}

export type ThrottlesStore = ReturnType<typeof throttlesStore>
