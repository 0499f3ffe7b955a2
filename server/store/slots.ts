/**
 * Tracks which runs use the slots of a concurrency key: one document for each key, with an entry for each run that
 * counts. An entry ends when the function has answered, or at its `until`, in any state of the job; one that is past
 * its `until` counts no more, and the next write takes it out.
 */
import type { AnyBulkWriteOperation, Collection, Document } from 'mongodb'
import type { SlotsDocument, SlotUser } from './documents.js'
import { isDuplicate } from './duplicates.js'

/** Runs that ask for slots of one key, best first. */
export interface SlotRequest {
  slotKey: string
  limit: number
  users: SlotUser[]
}

/** One run, by what its entry is known by. */
export type SlotRun = Pick<SlotUser, 'job' | 'claim'> & { slotKey: string }

/** How long a document outlives its last entry. */
const keepMs = 60_000

export function slotsStore(slots: Collection<SlotsDocument>) {
  const usersOf = async (slotKeys: readonly string[]): Promise<Map<string, SlotUser[]>> => {
    const found = await slots.find({ _id: { $in: [...slotKeys] } }, { projection: { users: 1 } }).toArray()
    return new Map(found.map(({ _id, users }) => [_id, users]))
  }

  /** Two coordinators may both find no document, and one of them inserts it. */
  const write = async (operations: AnyBulkWriteOperation<SlotsDocument>[]): Promise<void> => {
    for (let tries = 1; ; tries++) {
      try {
        await slots.bulkWrite(operations, { ordered: false })
        return
      } catch (error) {
        // an entry that went in with the first try is not added again by the second
        if (tries > maxTries || !isDuplicate(error)) throw error
      }
    }
  }

  return {
    /** Adds the runs for which there is room at `now`, and answers with those that are in, by job and claim. */
    async take(requests: readonly SlotRequest[], now: Date): Promise<Set<string>> {
      await write(requests.map((request) => ({ updateOne: takeOperation(request, now) })))
      const users = await usersOf(requests.map(({ slotKey }) => slotKey))
      return new Set([...users.values()].flat().map(slotRunId))
    },

    /** Takes out the entries of runs that have ended. Safe to repeat. */
    async free(runs: readonly SlotRun[]): Promise<void> {
      await slots.bulkWrite(
        runs.map(({ slotKey, job, claim }) => ({
          updateOne: { filter: { _id: slotKey }, update: { $pull: { users: { job, claim } } } },
        })),
        { ordered: false },
      )
    },

    /** Keeps an entry for longer. One that is there no more stays away. */
    async extend({ slotKey, job, claim }: SlotRun, until: Date): Promise<void> {
      await slots.updateOne(
        { _id: slotKey, users: { $elemMatch: { job, claim } } },
        { $max: { 'users.$.until': until, expireAt: new Date(until.getTime() + keepMs) } },
      )
    },

    /** For each key the entries that count at `now`. */
    async inUse(slotKeys: readonly string[], now: Date): Promise<Map<string, SlotUser[]>> {
      const users = await usersOf(slotKeys)
      return new Map(slotKeys.map((key) => [key, (users.get(key) ?? []).filter(({ until }) => until > now)]))
    },

    async removeExpired(now: Date): Promise<void> {
      await slots.deleteMany({ expireAt: { $lte: now }, users: { $exists: true } })
    },
  }
}

const maxTries = 5

export const slotRunId = ({ job, claim }: Pick<SlotUser, 'job' | 'claim'>): string => `${job}:${claim}`

/** The arithmetic is in the write, so that no coordinator goes by what it read before. */
function takeOperation({ slotKey, limit, users }: SlotRequest, now: Date) {
  const asking = { $literal: users }
  const known = { $ifNull: ['$users', []] }
  const counting = { $filter: { input: known, cond: { $gt: ['$$this.until', now] } } }
  const asked = { $filter: { input: asking, cond: { $not: [isAmong('$$this', '$$counting')] } } }
  const room = { $subtract: [limit, { $size: '$$counting' }] }
  const taken = {
    $let: {
      vars: { counting },
      in: {
        $concatArrays: ['$$counting', { $cond: [{ $gt: [room, 0] }, { $slice: [asked, { $max: [room, 1] }] }, []] }],
      },
    },
  }
  const latest = users.reduce((last, { until }) => (until > last ? until : last), now)
  const update: Document[] = [
    { $set: { users: taken, expireAt: { $max: ['$expireAt', new Date(latest.getTime() + keepMs)] } } },
  ]
  return { filter: { _id: slotKey }, update, upsert: true }
}

/** A claim's token names all runs that it began, so a run is known by both. */
const isAmong = (run: string, runs: string): Document => ({
  $in: [
    { $concat: [`${run}.job`, ':', `${run}.claim`] },
    { $map: { input: runs, as: 'other', in: { $concat: ['$$other.job', ':', '$$other.claim'] } } },
  ],
})

export type SlotsStore = ReturnType<typeof slotsStore>
