/**
 * Finds which jobs stand before a job, and which hold what it waits for. Counts end at a bound, and so does the number
 * of index entries that a count may look at.
 */
import type { Collection, Document, Filter } from 'mongodb'
import type { JobDocument } from './documents.js'

/** Entries of an index that are looked at for one count, where others' jobs lie among those that count. */
const mostLookedAt = 50_000

export function queuePositionStore(jobs: Collection<JobDocument>) {
  /** How many of an index's jobs come before this one in the order of claims. */
  const before = async (
    { _id, priority }: JobDocument,
    line: Filter<JobDocument>,
    hint: string,
    limit: number,
  ): Promise<number> => {
    const [higher, older] = await Promise.all([
      jobs.countDocuments({ ...line, priority: { $gt: priority } }, { hint, limit }),
      jobs.countDocuments({ ...line, priority, _id: { $lt: _id } }, { hint, limit }),
    ])
    return Math.min(higher + older, limit)
  }

  /** How many scheduled jobs of a line come back before that moment. */
  const countBefore = async (runAt: Date, line: Document, limit: number): Promise<number> => {
    const [row] = await jobs
      .aggregate<{ count: number }>(
        [
          { $match: { state: 'scheduled', runAt: { $lt: runAt } } },
          { $sort: { runAt: -1 } },
          { $limit: mostLookedAt },
          { $match: line },
          { $limit: limit },
          { $count: 'count' },
        ],
        { hint: 'due' },
      )
      .toArray()
    return row?.count ?? 0
  }

  return {
    /** Queued jobs that are claimed before it. */
    beforeQueued: (job: JobDocument, limit: number): Promise<number> =>
      before(job, { state: 'queued', held: null }, 'claimable', limit),

    /** Blocked jobs of its slots that are woken before it. */
    beforeBlocked: (job: JobDocument, slotKey: string, limit: number): Promise<number> =>
      before(job, { state: 'blocked', slotKey }, 'blocked', limit),

    /**
     * Jobs of its throttle key that come back before it. Jobs of other keys lie among them; where there are very many,
     * the count is too small.
     */
    beforeThrottled: ({ worker, throttleKey, runAt }: JobDocument, limit: number): Promise<number> =>
      countBefore(runAt, { worker, throttled: true, throttleKey: throttleKey ?? null }, limit),

    /** The same of retries that their worker's budget has sent away. */
    beforeOverBudget: ({ worker, runAt }: JobDocument, limit: number): Promise<number> =>
      countBefore(runAt, { worker, overBudget: true }, limit),

    /** Those of the worker's newest `limit` jobs, not younger than this one, that have been tried. */
    async triedBefore({ _id, worker }: JobDocument, limit: number): Promise<string[]> {
      const found = await jobs
        .find({ worker, _id: { $lte: _id } }, { hint: 'byWorker', projection: { attempt: 1 } })
        .sort({ _id: -1 })
        .limit(limit)
        .toArray()
      return found.filter(({ attempt }) => attempt > 0).map(({ _id }) => _id)
    },
  }
}

export type QueuePositionStore = ReturnType<typeof queuePositionStore>
