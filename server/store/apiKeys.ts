/** API keys: of each its hash. */
import type { Collection } from 'mongodb'
import type { ApiKeyDocument } from './documents.js'
import { inserts } from './duplicates.js'

export function apiKeysStore(keys: Collection<ApiKeyDocument>) {
  return {
    all: (): Promise<ApiKeyDocument[]> => keys.find().sort({ _id: 1 }).toArray(),

    find: (name: string): Promise<ApiKeyDocument | null> => keys.findOne({ _id: name }),

    /** Answers false where the name is taken. */
    insert: (key: ApiKeyDocument): Promise<boolean> => inserts(keys.insertOne(key)),

    /** The operators' keys other than this one. */
    operatorsBeside: (name: string): Promise<ApiKeyDocument[]> =>
      keys.find({ role: 'operate', _id: { $ne: name } }).toArray(),

    /** Says that a key is about to go, or that it stays after all. */
    async setLeaving({ _id, hash }: ApiKeyDocument, leaving: boolean): Promise<void> {
      await keys.updateOne({ _id, hash }, leaving ? { $set: { leaving } } : { $unset: { leaving: '' } })
    },

    /** Only the key that was looked at, not a later one of the same name. */
    async remove({ _id, hash }: ApiKeyDocument): Promise<boolean> {
      const { deletedCount } = await keys.deleteOne({ _id, hash })
      return deletedCount === 1
    },

    async writeUses(uses: (readonly [name: string, at: Date])[]): Promise<void> {
      await keys.bulkWrite(
        uses.map(([name, at]) => ({ updateOne: { filter: { _id: name }, update: { $max: { lastUsedAt: at } } } })),
        { ordered: false },
      )
    },
  }
}

export type ApiKeysStore = ReturnType<typeof apiKeysStore>
