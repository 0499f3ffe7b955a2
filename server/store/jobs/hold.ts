/** Hold and release: keeps queued jobs out of the index of the claim, and brings them back. */
import type { Collection } from 'mongodb'
import { unfinishedStates } from '../../../core/states.js'
import type { HeldBy, JobDocument } from '../documents.js'
import { asSeen, raised, updateAll, type SeenJob } from '../revision.js'
import { claimable } from './claim.js'

/** `;` is the character after `:`. */
const pausedRange = { $gte: 'paused:', $lt: 'paused;' as HeldBy } as const satisfies { $gte: HeldBy; $lt: HeldBy }

export const holdStore = (jobs: Collection<JobDocument>) => ({
  /** Takes jobs out of the claimable ones until they are released. */
  async hold(seen: readonly SeenJob[], held: HeldBy): Promise<void> {
    await updateAll(
      jobs,
      asSeen(seen).map((asTheyWere) => ({
        filter: { ...asTheyWere, ...claimable },
        update: { $set: { held }, ...raised },
      })),
    )
  },

  /** Jobs that were held for want of their worker may be claimed again. Answers with how many. */
  async release(workers: readonly string[]): Promise<number> {
    const { modifiedCount } = await jobs.updateMany(
      { held: 'worker', worker: { $in: [...workers] } },
      { $unset: { held: '' }, ...raised },
      { hint: 'held' },
    )
    return modifiedCount
  },

  /**
   * At most `limit` jobs that are held by one of these may be claimed again. Answers with how many, and whether that
   * was all.
   */
  async releaseHeldBy(held: readonly HeldBy[], limit: number): Promise<{ released: number; more: boolean }> {
    const found = await jobs
      .find({ held: { $in: [...held] } }, { hint: 'held', projection: { _id: 1 } })
      .limit(limit)
      .toArray()
    if (found.length === 0) return { released: 0, more: false }
    const { modifiedCount } = await jobs.updateMany(
      { _id: { $in: found.map(({ _id }) => _id) }, held: { $in: [...held] } },
      { $unset: { held: '' }, ...raised },
    )
    return { released: modifiedCount, more: found.length === limit }
  },

  async releaseOne(id: string, held: HeldBy): Promise<void> {
    await jobs.updateOne({ _id: id, held }, { $unset: { held: '' }, ...raised })
  },

  /** Of the jobs that a pause holds one that has waited long: the first in the index. */
  anyHeldBy: async (held: HeldBy): Promise<string | undefined> =>
    (await jobs.findOne({ held }, { hint: 'held', projection: { _id: 1 } }))?._id,

  /** Whether an unfinished job is pinned to that deployment. */
  anyPinned: async (deployment: number): Promise<boolean> =>
    (await jobs.findOne(
      { deployment, pinned: true, state: { $in: [...unfinishedStates] } },
      { hint: 'pinned', projection: { _id: 1 } },
    )) !== null,

  /** By which pauses jobs are held: one step in the index for each, however many jobs they hold. */
  async holdingPauses(): Promise<HeldBy[]> {
    const found: HeldBy[] = []
    for (;;) {
      const next = await jobs.findOne(
        { held: { ...pausedRange, $gt: found.at(-1) ?? pausedRange.$gte } },
        { hint: 'held', sort: { held: 1 }, projection: { _id: 0, held: 1 } },
      )
      if (!next) return found
      found.push(next.held!)
    }
  },

  /** How many jobs a pause holds, counted up to `limit`. */
  countHeld: (held: HeldBy, limit: number): Promise<number> => jobs.countDocuments({ held }, { hint: 'held', limit }),

  /** How many jobs of each worker pauses hold. */
  async countPaused(): Promise<{ worker: string; count: number }[]> {
    const rows = await jobs
      .aggregate<{ _id: string; count: number }>(
        [{ $match: { held: pausedRange } }, { $group: { _id: '$worker', count: { $sum: 1 } } }],
        { hint: 'held' },
      )
      .toArray()
    return rows.map(({ _id, count }) => ({ worker: _id, count }))
  },
})
