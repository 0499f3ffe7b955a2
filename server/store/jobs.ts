/**
 * Every write on a job is guarded by the state it expects, so that whoever comes second changes nothing.
 * Reads come before writes here and there, but only the guarded write decides.
 */
import {
  MongoBulkWriteError,
  MongoServerError,
  type Collection,
  type Document,
  type Filter,
  type UpdateFilter,
} from 'mongodb'
import type { GroupPolicy } from '../../core/groupTypes.js'
import { finalStates, isFinal, unfinishedStates, type JobState } from '../../core/states.js'
import { readPage, type Page } from './page.js'
import type { AttemptReport, ClaimedJob, HeldBy, JobDocument } from './documents.js'
import { isUnconfirmed } from './outage.js'
import { asSeen, raised, sameRevision, updateAll, type Guard, type SeenJob } from './revision.js'

export type InsertOutcome = 'inserted' | 'sameId' | 'sameCall' | 'keyTaken'

export interface ListFilter {
  worker?: string | undefined
  state?: JobState | undefined
  /** Only the follow-ups of this job. */
  parent?: string | undefined
  /** Only jobs with a smaller id: older ones. */
  before?: string | undefined
  limit: number
  /** Leaves the args in the database, for whoever may not see them. Default: no. */
  withoutArgs?: boolean
}

/** What a group needs to know of a job when that is final. */
export interface Member {
  group: string
  policy: GroupPolicy
}

/** Where a job goes when an attempt, or a wait, ends. Made by server/transition. */
export interface Transition {
  id: string
  /** The attempt it belongs to: without it the job must not be running. */
  claim: string
  set: Pick<JobDocument, 'state'> &
    Partial<Pick<JobDocument, 'runAt' | 'throttled' | 'overBudget' | 'report' | 'errorCode'>>
  unset: readonly (keyof JobDocument)[]
  /** Only for a final state: how long the job is kept from now on. */
  keepMs?: number
  /** Only for a final state, of a member of a group: which one, and what its failure does to it. */
  member?: Member
  /** Added to `attempt`: -1 for an attempt that never began. */
  attemptChange?: number
  /** Counted with the job. */
  snoozed?: true
  /** No entry of the ledger stands behind it, so it holds only while nobody is about to write one: before a reaper has taken hold of the run. */
  unledgered?: true
}

export type Replacement = Pick<JobDocument, 'args' | 'priority' | 'runAt' | 'state'> & {
  argsMeta: string | undefined
  argsVersion: number | undefined
  throttleKey: string | undefined
  slotKey: string | undefined
}

/** Which jobs an operation on many takes. */
export interface MatchingFilter {
  worker: string | undefined
  states: readonly JobState[]
  createdAfter: Date | undefined
  createdBefore: Date | undefined
  /** No younger ones. */
  createdUntil?: Date
  finishedBefore?: Date
  errorCode: string | undefined
  /** A throttle key, concurrency key or unique key of `worker`. */
  key: string | undefined
}

/** What pauses go by. */
export type PausableJob = SeenJob & Pick<JobDocument, 'worker' | 'key' | 'throttleKey' | 'slotKey'>

/** Candidates whose attempts have the same deadline. */
export interface ClaimPart {
  jobs: SeenJob[]
  deadline: Date
}

type WaitingField = '_id' | 'worker' | 'args' | 'argsMeta' | 'argsVersion' | 'redact'
const waitingProjection = { worker: 1, args: 1, argsMeta: 1, argsVersion: 1, redact: 1 } as const satisfies Partial<
  Record<WaitingField, 1>
>

const claimable = { state: 'queued', held: null } as const

const waitingStates = ['scheduled', 'queued', 'blocked'] as const satisfies JobState[]

/** How a job is, without its args, which may be large. */
export type JobAsItIs = Pick<JobDocument, '_id' | 'worker' | 'state' | 'attempt' | 'finishedAt'>
const stateProjection = { worker: 1, state: 1, attempt: 1, finishedAt: 1 } as const

export const argsLeftOut = { args: 0, argsMeta: 0 } as const
const logsLeftOut = { 'report.log': 0, 'report.earlierLog': 0 } as const

/** Of jobs in a list. What is left out is not there, whatever the type says; the view of whoever asked so does not look at it. */
export const rowProjection = (withoutArgs: boolean): Document =>
  withoutArgs ? { ...logsLeftOut, ...argsLeftOut } : logsLeftOut

/** Of those that were read with their args. */
export const argsLength = ({ args = '', argsMeta = '' }: Partial<Pick<JobDocument, 'args' | 'argsMeta'>>): number =>
  args.length + argsMeta.length

const unsetAttempt = ['claim', 'startedAt', 'deadline'] as const satisfies (keyof JobDocument)[]

export function jobsStore(jobs: Collection<JobDocument>) {
  return {
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
      // a read shows what is not in the journal yet, or not with a majority; a write, even of nothing, is answered when all before it is
      if (found.length > 0) await jobs.updateOne({ _id: '' }, { $set: { attempt: 0 } })
      return new Map(found.map(({ _id, claim }) => [_id, claim]))
    },

    find: (id: string): Promise<JobDocument | null> => jobs.findOne({ _id: id }),

    holderOf: (uniqueKey: string): Promise<JobDocument | null> => jobs.findOne({ uniqueKey }),

    holdersOfKeys: (uniqueKeys: string[]): Promise<JobDocument[]> =>
      jobs.find({ uniqueKey: { $in: uniqueKeys } }, { projection: { args: 0, argsMeta: 0 } }).toArray(),

    /** The follow-up job that a call inside a job has made. */
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

    statesOf: (ids: readonly string[]): Promise<JobAsItIs[]> =>
      jobs.find({ _id: { $in: [...ids] } }, { projection: stateProjection }).toArray(),

    async finalAmong(ids: readonly string[]): Promise<string[]> {
      const filter: Filter<JobDocument> = { _id: { $in: [...ids] }, state: { $in: [...finalStates] } }
      const final = await jobs.find(filter, { projection: { _id: 1 } }).toArray()
      return final.map(({ _id }) => _id)
    },

    /** Whether a schedule has a job that is not final, beside the one of that id. */
    anyOfSchedule: async (scheduleId: string, exceptId: string): Promise<boolean> =>
      (await jobs.findOne(
        { scheduleId, state: { $in: [...unfinishedStates] }, _id: { $ne: exceptId } },
        { hint: 'ofSchedule', projection: { _id: 1 } },
      )) !== null,

    /** Newest first, less the lines of their logs. */
    list({ worker, state, parent, before, limit, withoutArgs = false }: ListFilter): Promise<Page<JobDocument>> {
      const filter: Filter<JobDocument> = {
        ...(worker === undefined ? {} : { worker }),
        ...(state === undefined ? {} : { state }),
        // every follow-up has a call; said here, so that the index serves, which holds them alone
        ...(parent === undefined ? {} : { parent, call: { $exists: true } }),
        ...(before === undefined ? {} : { _id: { $lt: before } }),
      }
      return readPage(
        jobs.find(filter, { projection: rowProjection(withoutArgs) }).sort({ _id: -1 }),
        limit,
        argsLength,
      )
    },

    /** Of the `slice` newest jobs before an id, those that are not final, with their args, up to `maxLength` of these as text. `end` is where to go on. */
    async waiting(
      before: string | undefined,
      slice: number,
      maxLength: number,
    ): Promise<{ jobs: Pick<JobDocument, WaitingField>[]; end: string | undefined }> {
      // ids are texts, and none is less than the empty one
      const older = { $gte: '', ...(before === undefined ? {} : { $lt: before }) }
      const last = await jobs
        .find({ _id: older }, { projection: { _id: 1 } })
        .sort({ _id: -1 })
        .skip(slice - 1)
        .limit(1)
        .next()
      const inSlice = { ...older, ...(last === null ? {} : { $gte: last._id }) }
      const found = jobs
        .find({ _id: inSlice, state: { $nin: [...finalStates] } }, { hint: '_id_', projection: waitingProjection })
        .sort({ _id: -1 })
      const page: Pick<JobDocument, WaitingField>[] = []
      let length = 0
      for await (const job of found) {
        page.push(job)
        length += job.args.length + (job.argsMeta?.length ?? 0)
        if (length > maxLength) return { jobs: page, end: job._id }
      }
      return { jobs: page, end: last?._id }
    },

    /** How many jobs each worker has in each state that is not final. */
    async countWaiting(): Promise<{ worker: string; state: JobState; count: number }[]> {
      const waiting: JobState[] = ['scheduled', 'queued', 'blocked', 'running']
      const rows = await jobs
        .aggregate<{ _id: { worker: string; state: JobState }; count: number }>([
          { $match: { state: { $in: waiting } } },
          { $group: { _id: { worker: '$worker', state: '$state' }, count: { $sum: 1 } } },
        ])
        .toArray()
      return rows.map(({ _id, count }) => ({ ..._id, count }))
    },

    // --- stage ---------------------------------------------------------------------------------------------------

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

    /** Jobs that were held for want of their worker may be claimed again. Answers with how many. */
    async release(workers: readonly string[]): Promise<number> {
      const { modifiedCount } = await jobs.updateMany(
        { held: 'worker', worker: { $in: [...workers] } },
        { $unset: { held: '' }, ...raised },
        { hint: 'held' },
      )
      return modifiedCount
    },

    /** At most `limit` jobs that are held by one of these may be claimed again. Answers with how many, and whether that was all. */
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

    /** Of the jobs that a pause holds one that has waited long: the first in the index. */
    anyHeldBy: async (held: HeldBy): Promise<string | undefined> =>
      (await jobs.findOne({ held }, { hint: 'held', projection: { _id: 1 } }))?._id,

    /** Whether an unfinished job is pinned to that deployment. */
    anyPinned: async (deployment: number): Promise<boolean> =>
      (await jobs.findOne(
        { deployment, pinned: true, state: { $in: [...unfinishedStates] } },
        { hint: 'pinned', projection: { _id: 1 } },
      )) !== null,

    async releaseOne(id: string, held: HeldBy): Promise<void> {
      await jobs.updateOne({ _id: id, held }, { $unset: { held: '' }, ...raised })
    },

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

    // --- claim ---------------------------------------------------------------------------------------------------

    /** Candidates for a claim, best first: higher priority, then older. */
    claimable: (limit: number): Promise<JobDocument[]> =>
      jobs.find(claimable, { hint: 'claimable' }).sort({ priority: -1, _id: 1 }).limit(limit).toArray(),

    /** What a pause needs to know of the best `limit` candidates. */
    claimableKeys: (limit: number): Promise<PausableJob[]> =>
      jobs
        .find(claimable, {
          hint: 'claimable',
          projection: { worker: 1, key: 1, throttleKey: 1, slotKey: 1, revision: 1 },
        })
        .sort({ priority: -1, _id: 1 })
        .limit(limit)
        .toArray(),

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

    /** Queued jobs that found no slot wait until one is free. `slotKey` is for jobs that have none, from before their worker had a limit. */
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

    /** Which of them a claim got. */
    claimedBy: (ids: string[], claim: string): Promise<ClaimedJob[]> =>
      jobs.find({ _id: { $in: ids }, state: 'running', claim }).toArray() as Promise<ClaimedJob[]>,

    // --- receive and reap ----------------------------------------------------------------------------------------

    /** Moves jobs whose attempt ended, unless somebody else has moved them. Moves that are alike become one write. */
    async apply(transitions: Transition[], now: Date): Promise<void> {
      const groups = new Map<string, { ids: string[]; transition: Transition }>()
      for (const transition of transitions) {
        const { id: _id, member: _member, ...alike } = transition
        const likeness = JSON.stringify(alike)
        const group = groups.get(likeness)
        if (group) group.ids.push(transition.id)
        else groups.set(likeness, { ids: [transition.id], transition })
      }
      const operations = [...groups.values()].map(({ ids, transition }) => ({
        updateMany: {
          filter: {
            _id: { $in: ids },
            state: 'running' as const,
            claim: transition.claim,
            ...(transition.unledgered ? { reaping: { $ne: transition.claim } } : {}),
          },
          update: transitionUpdate(transition, now),
        },
      }))
      await jobs.bulkWrite(operations, { ordered: false })
    },

    /** Running jobs whose deadline has passed, longest overdue first. */
    overdue: (now: Date, limit: number, skip: number): Promise<ClaimedJob[]> =>
      jobs
        .find({ state: 'running', deadline: { $lte: now } }, { hint: 'overdue' })
        .sort({ deadline: 1 })
        .skip(skip)
        .limit(limit)
        .toArray() as Promise<ClaimedJob[]>,

    /**
     * Takes hold of runs that are overdue: from now on none of them is given back but by the ledger. Answers with those that are overdue still.
     */
    async takeHold(overdue: readonly ClaimedJob[], now: Date): Promise<ClaimedJob[]> {
      if (overdue.length === 0) return []
      const runs: Guard = {
        _id: { $in: overdue.map(({ _id }) => _id) },
        claim: { $in: overdue.map(({ claim }) => claim) },
        state: 'running',
        deadline: { $lte: now },
      }
      await jobs.updateMany(runs, [{ $set: { reaping: '$claim' } }])
      return (await jobs.find({ ...runs, $expr: { $eq: ['$reaping', '$claim'] } }).toArray()) as ClaimedJob[]
    },

    /** Moves an attempt's deadline, for the attempt alone that holds the claim and whose deadline is after that moment. */
    async moveDeadline(id: string, claim: string, after: Date, deadline: Date): Promise<boolean> {
      const { matchedCount } = await jobs.updateOne(
        { _id: id, state: 'running', claim, deadline: { $gt: after } },
        { $set: { deadline } },
      )
      return matchedCount === 1
    },

    /** Keeps what an attempt tells, if its deadline is after that moment. */
    async report(id: string, claim: string, after: Date, report: AttemptReport): Promise<boolean> {
      const { matchedCount } = await jobs.updateOne(
        { _id: id, state: 'running', claim, deadline: { $gt: after } },
        { $set: { report } },
      )
      return matchedCount === 1
    },

    // --- operators -----------------------------------------------------------------------------------------------

    /**
     * Cancels a job that is not final, or has failed and still keeps its group open. Where it was found by what it was, `stillIs` asks for that again, in the
     * write itself. Answers with the job as it was before, or null.
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

    /** Which of these attempts were cancelled. */
    async cancelledAmong(attempts: readonly { id: string; claim: string }[]): Promise<{ id: string; claim: string }[]> {
      const claims = attempts.map(({ claim }) => claim)
      const found = await jobs
        .find(
          { _id: { $in: attempts.map(({ id }) => id) }, 'cancelledAttempts.claim': { $in: claims } },
          { projection: { cancelledAttempts: 1 } },
        )
        .toArray()
      const cancelled = new Set(
        found.flatMap(({ _id, cancelledAttempts }) => cancelledAttempts!.map(({ claim }) => `${_id}:${claim}`)),
      )
      return attempts.filter(({ id, claim }) => cancelled.has(`${id}:${claim}`))
    },

    /** Jobs that a filter takes, newest first. */
    matching(
      filter: MatchingFilter,
      { before, limit, withoutArgs }: Pick<ListFilter, 'before' | 'limit' | 'withoutArgs'>,
    ): Promise<Page<JobDocument>> {
      const older = before === undefined ? {} : { _id: { $lt: before } }
      const found = jobs.find({ ...matches(filter), ...older }, withoutArgs ? { projection: argsLeftOut } : {})
      return readPage(found.sort({ _id: -1 }), limit, argsLength)
    },

    countMatching: (filter: MatchingFilter, limit: number): Promise<number> =>
      jobs.countDocuments(matches(filter), { limit }),

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
        if (error instanceof MongoServerError && error.code === duplicateKey) return 'keyTaken'
        throw error
      }
    },

    // --- purge ---------------------------------------------------------------------------------------------------

    expired: (now: Date, limit: number): Promise<Pick<JobDocument, '_id' | 'group' | 'follows'>[]> =>
      jobs
        .find({ expireAt: { $lte: now } }, { hint: 'expired', projection: { group: 1, follows: 1 } })
        .sort({ expireAt: 1 })
        .limit(limit)
        .toArray(),

    /** Keeps jobs until then that would go now. */
    async keep(ids: string[], now: Date, expireAt: Date): Promise<void> {
      await jobs.updateMany({ _id: { $in: ids }, expireAt: { $lte: now } }, { $set: { expireAt } })
    },

    async remove(ids: string[], now: Date): Promise<number> {
      const { deletedCount } = await jobs.deleteMany({ _id: { $in: ids }, expireAt: { $lte: now } })
      return deletedCount
    },
  }
}

/** What an operation on many takes. */
export function matches({ worker, states, key, ...filter }: MatchingFilter): Guard {
  const created = {
    ...(filter.createdAfter === undefined ? {} : { $gt: filter.createdAfter }),
    ...(filter.createdBefore === undefined ? {} : { $lt: filter.createdBefore }),
    ...(filter.createdUntil === undefined ? {} : { $lte: filter.createdUntil }),
  }
  return {
    ...(worker === undefined ? {} : { worker }),
    state: states.length === 1 ? states[0]! : { $in: [...states] },
    ...(Object.keys(created).length === 0 ? {} : { createdAt: created }),
    ...(filter.finishedBefore === undefined ? {} : { finishedAt: { $lt: filter.finishedBefore } }),
    ...(filter.errorCode === undefined ? {} : { errorCode: filter.errorCode }),
    ...(key === undefined ? {} : { $or: [{ throttleKey: key }, { slotKey: `${worker}\n${key}` }, { key }] }),
  }
}

/** `;` is the character after `:`. */
const pausedRange = { $gte: 'paused:', $lt: 'paused;' as HeldBy } as const satisfies { $gte: HeldBy; $lt: HeldBy }

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

function transitionUpdate(
  { set, unset, keepMs, attemptChange, snoozed }: Transition,
  now: Date,
): UpdateFilter<JobDocument> {
  const final = keepMs === undefined ? {} : { finishedAt: now, expireAt: new Date(now.getTime() + keepMs) }
  const counts = {
    ...(isFinal(set.state) ? {} : raised.$inc),
    ...(attemptChange === undefined ? {} : { attempt: attemptChange }),
    ...(snoozed ? { snoozes: 1 } : {}),
  }
  return {
    $set: { ...set, ...final },
    $unset: Object.fromEntries([...unsetAttempt, ...unset].map((field) => [field, ''])),
    ...(Object.keys(counts).length === 0 ? {} : { $inc: counts }),
  }
}

function duplicateOf(errmsg = ''): InsertOutcome {
  if (errmsg.includes('index: unique')) return 'keyTaken'
  return errmsg.includes('index: call') ? 'sameCall' : 'sameId'
}

/** The duplicate key errors of an unordered write. Any other error is thrown on. */
export function duplicates(error: unknown): { index: number; errmsg: string | undefined }[] {
  if (!(error instanceof MongoBulkWriteError)) throw error
  const writeErrors = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors]
  if (writeErrors.length === 0 || writeErrors.some(({ code }) => code !== duplicateKey)) throw error
  // the others of the write are not with a majority yet, and an election may take them back
  if (isUnconfirmed(error)) throw error
  return writeErrors.map(({ index, errmsg }) => ({ index, errmsg }))
}

export const duplicateKey = 11_000

export type JobsStore = ReturnType<typeof jobsStore>
