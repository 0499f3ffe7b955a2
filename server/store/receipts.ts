/** The ledger: a receipt is inserted once under job and claim, and never changed. */
import type { Collection, Filter } from 'mongodb'
import { duplicates } from './jobs.js'
import type { AttemptEndDocument, ReceiptDocument } from './documents.js'

export function receiptsStore(receipts: Collection<AttemptEndDocument>) {
  return {
    /** Answers, in order, which of the receipts are the first of their attempt. */
    async insertMany(documents: AttemptEndDocument[]): Promise<boolean[]> {
      const first = documents.map(() => true)
      try {
        await receipts.insertMany(documents, { ordered: false })
      } catch (error) {
        for (const { index } of duplicates(error)) first[index] = false
      }
      return first
    },

    find: (id: string): Promise<AttemptEndDocument | null> => receipts.findOne({ _id: id }),

    findMany: (ids: string[]): Promise<AttemptEndDocument[]> => receipts.find({ _id: { $in: ids } }).toArray(),

    /** A job's receipts in the order of its attempts. */
    ofJob: (jobId: string): Promise<ReceiptDocument[]> =>
      receipts
        .find({ _id: ofJob(jobId), ...isReceipt } as Filter<AttemptEndDocument>)
        .sort({ attempt: 1, finishedAt: 1 })
        .toArray() as Promise<ReceiptDocument[]>,

    /** Takes a job's snoozes out again, less one. */
    async removeSnoozes(jobId: string, except: string): Promise<void> {
      await receipts.deleteMany({ _id: { ...ofJob(jobId), $ne: except }, status: 'snoozed' })
    },

    /** The receipts of many jobs, in no order. */
    ofJobs: (jobIds: readonly string[]): Promise<ReceiptDocument[]> =>
      receipts
        .find({ $or: jobIds.map((id) => ({ _id: ofJob(id), ...isReceipt })) } as Filter<AttemptEndDocument>)
        .toArray() as Promise<ReceiptDocument[]>,

    async removeOfJobs(jobIds: string[]): Promise<void> {
      await receipts.deleteMany({ $or: jobIds.map((id) => ({ _id: ofJob(id) })) })
    },
  }
}

/** Receipt ids begin with the job's id and a colon; the semicolon is the next character. So no index is needed but the one on `_id`. */
const ofJob = (jobId: string) => ({ $gte: `${jobId}:`, $lt: `${jobId};` })

/** Other ends of a run are no receipts. */
const isReceipt = { status: { $in: ['success', 'failure'] } } as const

export type ReceiptsStore = ReturnType<typeof receiptsStore>
