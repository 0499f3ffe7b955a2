/** The ledger: a receipt is inserted once under job and claim, and never changed. */
import type { Collection, Filter } from 'mongodb'
import { duplicates } from './duplicates.js'
import type { AttemptResultDocument, ReceiptDocument } from './documents.js'

export function receiptsStore(receipts: Collection<AttemptResultDocument>) {
  return {
    /** Answers, in order, which of the receipts are the first of their attempt. */
    async insertMany(documents: AttemptResultDocument[]): Promise<boolean[]> {
      const first = documents.map(() => true)
      try {
        await receipts.insertMany(documents, { ordered: false })
      } catch (error) {
        for (const { index } of duplicates(error)) first[index] = false
      }
      return first
    },

    find: (id: string): Promise<AttemptResultDocument | null> => receipts.findOne({ _id: id }),

    findMany: (ids: string[]): Promise<AttemptResultDocument[]> => receipts.find({ _id: { $in: ids } }).toArray(),

    /** A job's receipts in the order of its attempts. */
    ofJob: (jobId: string): Promise<ReceiptDocument[]> =>
      receipts
        .find({ _id: ofJob(jobId), ...isReceipt } as Filter<AttemptResultDocument>)
        .sort({ attempt: 1, finishedAt: 1 })
        .toArray() as Promise<ReceiptDocument[]>,

    /** Takes a job's snoozes out again that ended a run before that moment. */
    async removeSnoozes(jobId: string, before: Date): Promise<void> {
      await receipts.deleteMany({ _id: ofJob(jobId), status: 'snoozed', finishedAt: { $lt: before } })
    },

    /**
     * Shows the receipts of many jobs, in no order, one after the other, because they may be large; reads no further
     * once `visit` answers false.
     */
    async eachOfJobs(jobIds: readonly string[], visit: (receipt: ReceiptDocument) => boolean): Promise<void> {
      for await (const receipt of receipts.find(ofAny(jobIds))) if (!visit(receipt as ReceiptDocument)) return
    },

    /** The same, without results and what was told on the way. */
    outcomesOfJobs: (jobIds: readonly string[]): Promise<ReceiptOutcome[]> =>
      receipts
        .find(ofAny(jobIds), { projection: { attempt: 1, status: 1, error: 1, startedAt: 1, finishedAt: 1 } })
        .toArray() as Promise<ReceiptOutcome[]>,

    async removeOfJobs(jobIds: string[]): Promise<void> {
      await receipts.deleteMany({ $or: jobIds.map((id) => ({ _id: ofJob(id) })) })
    },
  }
}

/**
 * Receipt ids begin with the job's id and a colon; the semicolon is the next character. So no index is needed but the
 * one on `_id`.
 */
const ofJob = (jobId: string) => ({ $gte: `${jobId}:`, $lt: `${jobId};` })

const ofAny = (jobIds: readonly string[]) =>
  ({ $or: jobIds.map((id) => ({ _id: ofJob(id), ...isReceipt })) }) as Filter<AttemptResultDocument>

/** Other ends of a run are no receipts. */
const isReceipt = { status: { $in: ['success', 'failure'] } } as const

export type ReceiptOutcome = Pick<ReceiptDocument, '_id' | 'attempt' | 'status' | 'error' | 'startedAt' | 'finishedAt'>

export type ReceiptsStore = ReturnType<typeof receiptsStore>
