/** Stage and claim: due jobs become queued, and queued ones ours. */
import type { Collection } from 'mongodb'
import type { ClaimedJob, JobDocument } from '../documents.js'
import { asSeen, raised, updateAll, type SeenJob } from '../revision.js'

/** Candidates whose attempts have the same deadline. */
export interface ClaimPart {
  jobs: SeenJob[]
  deadline: Date
}

/** The fields that pauses go by. */
export type PausableJob = SeenJob & Pick<JobDocument, 'worker' | 'key' | 'throttleKey' | 'slotKey'>

export const claimable = { state: 'queued', held: null } as const

export const claimStore = (jobs: Collection<JobDocument>) => ({
  /** When the next scheduled job is due. */
  async nextRunAt(): Promise<Date | undefined> {
    const next = await jobs
      .find({ state: 'scheduled' }, { hint: 'due', projection: { runAt: 1 } })
      .sort({ runAt: 1 })
      .limit(1)
      .next()
    return next?.runAt
  },

  /** Scheduled jobs whose time has come become queued. Answers with how many. */
  async stage(now: Date, limit: number): Promise<number> {
    const due = await jobs
      .find({ state: 'scheduled', runAt: { $lte: now } }, { hint: 'due', projection: { _id: 1 } })
      .sort({ runAt: 1 })
      .limit(limit)
      .toArray()
    if (due.length === 0) return 0
    const ids = due.map(({ _id }) => _id)
    const { modifiedCount } = await jobs.updateMany(
      { _id: { $in: ids }, state: 'scheduled', runAt: { $lte: now } },
      { $set: { state: 'queued' }, ...raised },
    )
    return modifiedCount
  },

  /** Candidates for a claim, best first: higher priority, then older. */
  claimable: (limit: number): Promise<JobDocument[]> =>
    jobs.find(claimable, { hint: 'claimable' }).sort({ priority: -1, _id: 1 }).limit(limit).toArray(),

  /** The fields that pauses go by, of the best `limit` candidates. */
  claimableKeys: (limit: number): Promise<PausableJob[]> =>
    jobs
      .find(claimable, {
        hint: 'claimable',
        projection: { worker: 1, key: 1, throttleKey: 1, slotKey: 1, revision: 1 },
      })
      .sort({ priority: -1, _id: 1 })
      .limit(limit)
      .toArray(),

  /** One command for all of them. Answers with how many are ours now; these are as they were read. */
  claim: (parts: readonly ClaimPart[], claim: string, startedAt: Date): Promise<number> =>
    updateAll(
      jobs,
      parts.flatMap(({ jobs: seen, deadline }) =>
        asSeen(seen).map((asTheyWere) => ({
          filter: { ...asTheyWere, ...claimable },
          update: { $set: { state: 'running', claim, startedAt, deadline }, $inc: { attempt: 1 } },
        })),
      ),
    ),

  /** Which of them a claim got. */
  claimedBy: (ids: string[], claim: string): Promise<ClaimedJob[]> =>
    jobs.find({ _id: { $in: ids }, state: 'running', claim }).toArray() as Promise<ClaimedJob[]>,
})
