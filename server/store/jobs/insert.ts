/** Enqueue: new jobs, and those that hold a unique key already. */
import type { Collection } from 'mongodb'
import { unfinishedStates, type JobState } from '../../../core/states.js'
import type { JobDocument } from '../documents.js'
import { duplicates } from '../duplicates.js'
import { raised, type Guard } from '../revision.js'

export type InsertOutcome = 'inserted' | 'sameId' | 'sameCall' | 'keyTaken'

export type Replacement = Required<Pick<JobDocument, 'args' | 'priority' | 'runAt' | 'state' | 'replacedBy'>> & {
  argsMeta: string | undefined
  argsVersion: number | undefined
  throttleKey: string | undefined
  slotKey: string | undefined
}

const waitingStates = ['scheduled', 'queued', 'blocked'] as const satisfies JobState[]

export const insertStore = (jobs: Collection<JobDocument>) => ({
  /** Inserts jobs, each with its own outcome, in order. One that is there already under its id counts as `sameId`. */
  async insertMany(documents: JobDocument[]): Promise<InsertOutcome[]> {
    const outcomes = documents.map((): InsertOutcome => 'inserted')
    try {
      await jobs.insertMany(documents, { ordered: false })
    } catch (error) {
      for (const { index, errmsg } of duplicates(error)) {
        outcomes[index] = duplicateOf(errmsg)
      }
    }
    return outcomes
  },

  /** Which of them are there to stay, and by which claim they run. */
  async claimsOf(ids: string[]): Promise<Map<string, string | undefined>> {
    const found = await jobs.find({ _id: { $in: ids } }, { projection: { claim: 1 } }).toArray()
    // a read shows what is not in the journal yet, or not with a majority; a write, even of nothing, is answered when all
    // before it is
    if (found.length > 0) await jobs.updateOne({ _id: '' }, { $set: { attempt: 0 } })
    return new Map(found.map(({ _id, claim }) => [_id, claim]))
  },

  /** Without args. */
  brief: (id: string): Promise<JobDocument | null> =>
    jobs.findOne({ _id: id }, { projection: { args: 0, argsMeta: 0 } }),

  briefs: (ids: string[]): Promise<JobDocument[]> =>
    jobs.find({ _id: { $in: ids } }, { projection: { args: 0, argsMeta: 0 } }).toArray(),

  ownerOf: (uniqueKey: string): Promise<JobDocument | null> => jobs.findOne({ uniqueKey }),

  ownersOfKeys: (uniqueKeys: string[]): Promise<JobDocument[]> =>
    jobs.find({ uniqueKey: { $in: uniqueKeys } }, { projection: { args: 0, argsMeta: 0 } }).toArray(),

  /** The child job that a call inside a job has made. */
  ofCall: (parent: string, call: string): Promise<JobDocument | null> =>
    jobs.findOne({ parent, call }, { hint: 'call', projection: { args: 0, argsMeta: 0 } }),

  /** Takes keys from jobs that hold them no longer, as long as the guard says so. */
  async releaseKeys(ids: string[], guard: Guard): Promise<void> {
    await jobs.updateMany({ _id: { $in: ids }, ...guard }, { $unset: { uniqueKey: '' } })
  },

  /** Gives a job that waits, and still holds that key, other args and another time. Answers whether it does. */
  async replaceWaiting({ _id, uniqueKey }: JobDocument, change: Replacement): Promise<boolean> {
    const absent = (['argsMeta', 'argsVersion', 'throttleKey', 'slotKey'] as const).filter(
      (field) => change[field] === undefined,
    )
    const { matchedCount } = await jobs.updateOne(
      { _id, uniqueKey: uniqueKey!, state: { $in: [...waitingStates] } },
      {
        $set: change as Partial<JobDocument>,
        $unset: Object.fromEntries([...absent, 'throttled', 'overBudget', 'held'].map((field) => [field, ''])),
        ...raised,
      },
    )
    return matchedCount === 1
  },

  /** As it is now, if that replacement was its last one. */
  replacedBy: (id: string, replacedBy: string): Promise<Pick<JobDocument, 'state' | 'runAt'> | null> =>
    jobs.findOne({ _id: id, replacedBy }, { projection: { state: 1, runAt: 1 } }),

  /** Whether a schedule has a job that is not final, beside the one of that id. */
  anyOfSchedule: async (scheduleId: string, exceptId: string): Promise<boolean> =>
    (await jobs.findOne(
      { scheduleId, state: { $in: [...unfinishedStates] }, _id: { $ne: exceptId } },
      { hint: 'ofSchedule', projection: { _id: 1 } },
    )) !== null,
})

function duplicateOf(errmsg = ''): InsertOutcome {
  if (errmsg.includes('index: unique')) return 'keyTaken'
  return errmsg.includes('index: call') ? 'sameCall' : 'sameId'
}
