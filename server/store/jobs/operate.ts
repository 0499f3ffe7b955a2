/** Changes by operators: cancel and retry. */
import type { Collection } from 'mongodb'
import type { Payload } from '../../../core/payload/payload.js'
import { finalStates, unfinishedStates } from '../../../core/states.js'
import type { JobDocument } from '../documents.js'
import { isDuplicate } from '../duplicates.js'
import { raised, sameRevision, type Guard } from '../revision.js'
import { unsetAttempt } from './attempt.js'

/** More than a few of one job are an operator at play; the oldest of them are forgotten. */
const keptCancelledAttempts = 20

/** As an expression of an update, whose `$state` is the state before it. */
const withCancelledAttempt = {
  $cond: [
    { $eq: ['$state', 'running'] },
    {
      $slice: [
        {
          $concatArrays: [
            { $ifNull: ['$cancelledAttempts', []] },
            [{ claim: '$claim', attempt: '$attempt', startedAt: '$startedAt' }],
          ],
        },
        -keptCancelledAttempts,
      ],
    },
    { $ifNull: ['$cancelledAttempts', '$$REMOVE'] },
  ],
}

/** Fields by which an erase finds a job; they go last, so that one which was broken off may be asked for again. */
const erasedKeys = ['key', 'uniqueKey', 'uniqueUntil', 'uniqueUntilStart', 'throttleKey', 'slotKey'] as const

/** Other fields that hold what its caller gave or its function told, or are made of that. */
const erasedFields = [
  'argsMeta',
  'argsVersion',
  'redact',
  'replacedBy',
  'runProgress',
  'errorCode',
  // a late receipt of such an attempt would be kept
  'cancelledAttempts',
] as const satisfies (keyof JobDocument)[]

export const operateStore = (jobs: Collection<JobDocument>) => ({
  /**
   * Takes out of a final job what its caller gave and its function told, but for keys. Answers with what is left, or
   * null.
   */
  erase: (id: string): Promise<JobDocument | null> =>
    jobs.findOneAndUpdate(
      { _id: id, state: { $in: [...finalStates] } },
      {
        $set: { args: '{}', erased: true },
        $unset: Object.fromEntries(erasedFields.map((field) => [field, ''])),
        ...raised,
      },
      { returnDocument: 'after' },
    ),

  /** Takes its keys out too. `call` stands for the name of the call that enqueued it, which its author chose. */
  async eraseKeys(id: string, call: string | undefined): Promise<void> {
    await jobs.updateOne(
      { _id: id, erased: true },
      {
        ...(call === undefined ? {} : { $set: { call } }),
        $unset: Object.fromEntries(erasedKeys.map((field) => [field, ''])),
      },
    )
  },

  /** Gives a job other args, in whatever state, as long as it has those that were seen. */
  async changeArgs({ _id, args }: JobDocument, to: Payload): Promise<boolean> {
    const { json, meta } = to
    const { matchedCount } = await jobs.updateOne(
      { _id, args },
      meta === undefined
        ? { $set: { args: json }, $unset: { argsMeta: '' }, ...raised }
        : { $set: { args: json, argsMeta: meta }, ...raised },
    )
    return matchedCount === 1
  },

  /** A job that waits for its time, and is as it was seen, is due now. */
  async startNow(job: JobDocument, now: Date): Promise<boolean> {
    const { matchedCount } = await jobs.updateOne(
      { _id: job._id, state: 'scheduled', ...sameRevision(job) },
      { $set: { state: 'queued', runAt: now }, ...raised },
    )
    return matchedCount === 1
  },

  /**
   * Cancels a job that is not final, or has failed and still keeps its group open. Where it was found by what it was,
   * `stillIs` asks for that again, in the write itself. Answers with the job as it was before, or null.
   */
  cancel: (id: string, finishedAt: Date, expireAt: Date, stillIs: Guard = {}): Promise<JobDocument | null> =>
    jobs.findOneAndUpdate(
      {
        _id: id,
        $and: [
          { $or: [{ state: { $in: [...unfinishedStates] } }, { state: 'failed', groupOpen: { $exists: true } }] },
          stillIs,
        ],
      },
      [
        { $set: { state: 'cancelled', finishedAt, expireAt, cancelledAttempts: withCancelledAttempt } },
        { $unset: [...unsetAttempt, 'held', 'uniqueKey', 'groupOpen', 'errorCode'] },
      ],
      { returnDocument: 'before' },
    ),

  /** A job that is final, and is as it was seen, gets `attempts` more attempts, from now. */
  async retry(
    job: JobDocument,
    attempts: number,
    { now, keptUntil }: { now: Date; keptUntil: Date },
    uniqueKey: string | undefined,
  ): Promise<boolean | 'keyTaken'> {
    try {
      const { matchedCount } = await jobs.updateOne(
        // the purge takes the receipts of a job past its keep time first, so what it has begun it must finish
        { _id: job._id, state: job.state, ...sameRevision(job), expireAt: { $gt: keptUntil } },
        {
          $set: {
            state: 'queued',
            runAt: now,
            maxAttempts: job.attempt + attempts,
            ...(uniqueKey === undefined ? {} : { uniqueKey }),
            // as long as its group is open, that waits for it again
            ...(job.group === undefined ? {} : { groupOpen: job.group }),
          },
          $unset: { finishedAt: '', expireAt: '', throttled: '', overBudget: '', errorCode: '' },
          ...raised,
        },
      )
      return matchedCount === 1
    } catch (error) {
      if (isDuplicate(error)) return 'keyTaken'
      throw error
    }
  },
})
