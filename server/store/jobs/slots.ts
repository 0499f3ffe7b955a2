/** Jobs that wait for a slot of their key. */
import type { Collection } from 'mongodb'
import type { JobDocument } from '../documents.js'
import { asSeen, raised, updateAll, type SeenJob } from '../revision.js'
import { claimable } from './claim.js'

export const blockedStore = (jobs: Collection<JobDocument>) => ({
  /**
   * Queued jobs that found no slot wait until one is free. `slotKey` is for jobs that have none, from before their
   * worker had a limit.
   */
  async block(seen: readonly SeenJob[], slotKey?: string): Promise<void> {
    await updateAll(
      jobs,
      asSeen(seen).map((asTheyWere) => ({
        filter: { ...asTheyWere, ...claimable },
        update: { $set: { state: 'blocked', ...(slotKey === undefined ? {} : { slotKey }) }, ...raised },
      })),
    )
  },

  /** Whether any of these keys has a blocked job. */
  anyBlocked: async (slotKeys: string[]): Promise<boolean> =>
    (await jobs.findOne(
      { state: 'blocked', slotKey: { $in: slotKeys } },
      { hint: 'blocked', projection: { _id: 1 } },
    )) !== null,

  /** The best `count` blocked jobs of a key become queued again. */
  async unblock(slotKey: string, count: number): Promise<number> {
    const next = await jobs
      .find({ state: 'blocked', slotKey }, { hint: 'blocked', projection: { _id: 1 } })
      .sort({ priority: -1, _id: 1 })
      .limit(count)
      .toArray()
    if (next.length === 0) return 0
    const { modifiedCount } = await jobs.updateMany(
      { _id: { $in: next.map(({ _id }) => _id) }, state: 'blocked', slotKey },
      { $set: { state: 'queued' }, ...raised },
    )
    return modifiedCount
  },

  /** How many jobs each key has blocked. */
  async countBlocked(limit: number): Promise<{ slotKey: string; worker: string; count: number }[]> {
    const rows = await jobs
      .aggregate<{ _id: string; worker: string; count: number }>(
        [
          { $match: { state: 'blocked' } },
          { $group: { _id: '$slotKey', worker: { $first: '$worker' }, count: { $sum: 1 } } },
          { $limit: limit },
        ],
        { hint: 'blocked' },
      )
      .toArray()
    return rows.map(({ _id, worker, count }) => ({ slotKey: _id, worker, count }))
  },
})
