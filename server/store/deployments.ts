/** Deployments, and the one document that says which is live: a write of that one switches every coordinator. */
import type { Collection } from 'mongodb'
import type { DeploymentDocument, LiveDocument } from './documents.js'
import { inserts } from './duplicates.js'

/** Without the contracts, which may be megabytes. */
export type DeploymentRecord = Omit<DeploymentDocument, 'contracts'>

const record = { projection: { contracts: 0 } } as const

export function deploymentsStore(deployments: Collection<DeploymentDocument>, live: Collection<LiveDocument>) {
  return {
    /** Gives it the next number. */
    async insert(deployment: Omit<DeploymentDocument, '_id'>): Promise<DeploymentDocument> {
      for (;;) {
        const newest = await deployments.findOne({}, { sort: { _id: -1 }, projection: { _id: 1 } })
        const numbered = { _id: (newest?._id ?? 0) + 1, ...deployment }
        if (await inserts(deployments.insertOne(numbered))) return numbered
      }
    },

    /** Newest first. */
    list: (limit: number): Promise<DeploymentRecord[]> =>
      deployments.find({}, record).sort({ _id: -1 }).limit(limit).toArray(),

    /** Those that live, oldest first. */
    living: (): Promise<DeploymentRecord[]> =>
      deployments
        .find({ retiredAt: { $exists: false } }, record)
        .sort({ _id: 1 })
        .toArray(),

    find: (id: number): Promise<DeploymentRecord | null> => deployments.findOne({ _id: id }, record),

    /** Null where there is none, or it is retired. */
    async contractsOf(id: number): Promise<string | null> {
      const found = await deployments.findOne({ _id: id }, { projection: { contracts: 1 } })
      return found?.contracts ?? null
    },

    /** Null where nothing was ever live. */
    live: (): Promise<LiveDocument | null> => live.findOne({ _id: 'live' }),

    /** Answers whether nothing had changed since `seen`, and so this one holds now. */
    async turn(seen: LiveDocument | null, next: Omit<LiveDocument, '_id' | 'revision'>): Promise<boolean> {
      if (!seen) return inserts(live.insertOne({ _id: 'live', revision: 1, ...next }))
      const { revision } = seen
      const turned = await live.updateOne({ _id: 'live', revision }, { $set: { ...next, revision: revision + 1 } })
      return turned.modifiedCount === 1
    },

    /** It can go live no more. Its contracts stay until they are dropped. */
    async retire(id: number, at: Date): Promise<void> {
      await deployments.updateOne({ _id: id, retiredAt: { $exists: false } }, { $set: { retiredAt: at } })
    },

    /** Not once its contracts are dropped. */
    async unretire(id: number): Promise<void> {
      await deployments.updateOne({ _id: id, contracts: { $exists: true } }, { $unset: { retiredAt: '' } })
    },

    /** Its record and its number stay. Answers false where it is retired no more. */
    async dropContracts(id: number): Promise<boolean> {
      const filter = { _id: id, retiredAt: { $exists: true } }
      return (await deployments.updateOne(filter, { $unset: { contracts: '' } })).matchedCount === 1
    },
  }
}

export type DeploymentsStore = ReturnType<typeof deploymentsStore>
