/** Reads jobs for people, groups and checks. */
import type { Collection, Filter } from 'mongodb'
import { finalStates, type JobState } from '../../../core/states.js'
import type { JobDocument } from '../documents.js'
import { readPage, type Page } from '../page.js'
import { argsLeftOut, rowProjection, argsLength } from '../projections.js'
import type { Guard } from '../revision.js'

export interface ListFilter {
  worker?: string | undefined
  state?: JobState | undefined
  /** Only the child jobs of this job. */
  parent?: string | undefined
  /** Only jobs with a smaller id: older ones. */
  before?: string | undefined
  limit: number
  /** Leaves the args in the database, for callers that may not see them. Default: no. */
  withoutArgs?: boolean
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
  ids: readonly string[] | undefined
  /** The job that enqueued them while it ran. */
  parent: string | undefined
}

/** How a job is, without its args, which may be large. */
export type JobAsItIs = Pick<JobDocument, '_id' | 'worker' | 'state' | 'attempt' | 'finishedAt'>

const stateProjection = { worker: 1, state: 1, attempt: 1, finishedAt: 1 } as const

type WaitingField = '_id' | 'worker' | 'args' | 'argsMeta' | 'argsVersion' | 'redact'

const waitingProjection = { worker: 1, args: 1, argsMeta: 1, argsVersion: 1, redact: 1 } as const satisfies Partial<
  Record<WaitingField, 1>
>

export const readStore = (jobs: Collection<JobDocument>) => ({
  find: (id: string): Promise<JobDocument | null> => jobs.findOne({ _id: id }),

  statesOf: (ids: readonly string[]): Promise<JobAsItIs[]> =>
    jobs.find({ _id: { $in: [...ids] } }, { projection: stateProjection }).toArray(),

  async finalAmong(ids: readonly string[]): Promise<string[]> {
    const filter: Filter<JobDocument> = { _id: { $in: [...ids] }, state: { $in: [...finalStates] } }
    const final = await jobs.find(filter, { projection: { _id: 1 } }).toArray()
    return final.map(({ _id }) => _id)
  },

  /** Newest first, without the lines of their logs. */
  list({ worker, state, parent, before, limit, withoutArgs = false }: ListFilter): Promise<Page<JobDocument>> {
    const filter: Filter<JobDocument> = {
      ...(worker === undefined ? {} : { worker }),
      ...(state === undefined ? {} : { state }),
      // every child job has a call; said here, so that the index serves, which holds them alone
      ...(parent === undefined ? {} : { parent, call: { $exists: true } }),
      ...(before === undefined ? {} : { _id: { $lt: before } }),
    }
    return readPage(jobs.find(filter, { projection: rowProjection(withoutArgs) }).sort({ _id: -1 }), limit, argsLength)
  },

  /**
   * Of the `slice` newest jobs before an id, those that are not final, with their args, up to `maxLength` of these as
   * text. `end` is where to go on.
   */
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

  /** Jobs that a filter takes, newest first. */
  matching(
    filter: MatchingFilter,
    { before, limit, withoutArgs }: Pick<ListFilter, 'before' | 'limit' | 'withoutArgs'>,
  ): Promise<Page<JobDocument>> {
    const older = before === undefined ? {} : { $and: [{ _id: { $lt: before } }] }
    const found = jobs.find({ ...matches(filter), ...older }, withoutArgs ? { projection: argsLeftOut } : {})
    return readPage(found.sort({ _id: -1 }), limit, argsLength)
  },

  countMatching: (filter: MatchingFilter, limit: number): Promise<number> =>
    jobs.countDocuments(matches(filter), { limit }),
})

/** The filter of an operation on many. */
export function matches({ worker, states, key, ids, parent, ...filter }: MatchingFilter): Guard {
  const created = {
    ...(filter.createdAfter === undefined ? {} : { $gt: filter.createdAfter }),
    ...(filter.createdBefore === undefined ? {} : { $lt: filter.createdBefore }),
    ...(filter.createdUntil === undefined ? {} : { $lte: filter.createdUntil }),
  }
  return {
    ...(ids === undefined ? {} : { _id: { $in: [...ids] } }),
    // every child job has a call; said here, so that the index serves, which holds them alone
    ...(parent === undefined ? {} : { parent, call: { $exists: true } }),
    ...(worker === undefined ? {} : { worker }),
    state: states.length === 1 ? states[0]! : { $in: [...states] },
    ...(Object.keys(created).length === 0 ? {} : { createdAt: created }),
    ...(filter.finishedBefore === undefined ? {} : { finishedAt: { $lt: filter.finishedBefore } }),
    ...(filter.errorCode === undefined ? {} : { errorCode: filter.errorCode }),
    ...(key === undefined ? {} : { $or: [{ throttleKey: key }, { slotKey: `${worker}\n${key}` }, { key }] }),
  }
}
