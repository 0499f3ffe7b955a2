/** Receive and reap: changes of jobs whose attempts run, or are over. */
import type { Collection, UpdateFilter } from 'mongodb'
import type { GroupPolicy } from '../../../core/views/groupTypes.js'
import { isFinal } from '../../../core/states.js'
import type { RunProgress, ClaimedJob, JobDocument } from '../documents.js'
import { raised, type Guard } from '../revision.js'

/** Fields of a job that its group needs when the job is final. */
export interface Member {
  group: string
  policy: GroupPolicy
}

/** Where a job goes when an attempt, or a wait, ends. Made by server/jobs/transition. */
export interface Transition {
  id: string
  /** The attempt it belongs to: without it the job must not be running. */
  claim: string
  set: Pick<JobDocument, 'state'> &
    Partial<Pick<JobDocument, 'runAt' | 'throttled' | 'overBudget' | 'runProgress' | 'errorCode'>>
  unset: readonly (keyof JobDocument)[]
  /** Only for a final state: how long the job is kept from now on. */
  keepMs?: number
  /** Only for a final state, of a member of a group: which one, and what its failure does to it. */
  member?: Member
  /** Added to `attempt`: -1 for an attempt that never began. */
  attemptChange?: number
  /** Counted with the job. */
  snoozed?: true
  /**
   * No entry of the ledger stands behind it, so it holds only while no coordinator is about to write one: before a
   * reaper has taken hold of the run.
   */
  unledgered?: true
}

export const unsetAttempt = ['claim', 'startedAt', 'deadline'] as const satisfies (keyof JobDocument)[]

export const attemptStore = (jobs: Collection<JobDocument>) => ({
  /** Moves jobs whose attempt ended, unless they were moved already. Moves that are alike become one write. */
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
   * Takes hold of runs that are overdue: from now on none of them is given back but by the ledger. Answers with those
   * that are overdue still.
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

  /**
   * Moves an attempt's deadline, for the attempt alone that holds the claim and whose deadline is after that moment.
   */
  async moveDeadline(id: string, claim: string, after: Date, deadline: Date): Promise<boolean> {
    const { matchedCount } = await jobs.updateOne(
      { _id: id, state: 'running', claim, deadline: { $gt: after } },
      { $set: { deadline } },
    )
    return matchedCount === 1
  },

  /** Keeps what an attempt tells, if its deadline is after that moment. */
  async setProgress(id: string, claim: string, after: Date, runProgress: RunProgress): Promise<boolean> {
    const { matchedCount } = await jobs.updateOne(
      { _id: id, state: 'running', claim, deadline: { $gt: after } },
      { $set: { runProgress } },
    )
    return matchedCount === 1
  },

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
})

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
