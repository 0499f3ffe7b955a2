/** The audit: an entry for each thing an operator did. Its ids grow with time, so that no other index is needed. */
import type { Collection, Filter } from 'mongodb'
import type { AuditDocument } from './documents.js'
import { inserts } from './duplicates.js'

export interface AuditFilter {
  action: string | undefined
  by: string | undefined
  /** Only entries with a smaller id: older ones. */
  before: string | undefined
  limit: number
}

export function auditStore(audit: Collection<AuditDocument>) {
  return {
    /** One that is there already under its id was written by an earlier try. */
    async insert(entry: AuditDocument): Promise<void> {
      await inserts(audit.insertOne(entry))
    },

    /** Writes how an action ended, once. */
    async finish(id: string, outcome: string): Promise<void> {
      await audit.updateOne({ _id: id, outcome: 'begun' }, { $set: { outcome } })
    },

    /** Newest first. */
    list({ action, by, before, limit }: AuditFilter): Promise<AuditDocument[]> {
      const filter: Filter<AuditDocument> = {
        ...(action === undefined ? {} : { action }),
        ...(by === undefined ? {} : { 'by.name': by }),
        ...(before === undefined ? {} : { _id: { $lt: before } }),
      }
      return audit.find(filter).sort({ _id: -1 }).limit(limit).toArray()
    },

    async removeBefore(id: string): Promise<void> {
      await audit.deleteMany({ _id: { $lt: id } })
    },
  }
}

export type AuditStore = ReturnType<typeof auditStore>
