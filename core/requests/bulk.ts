/** Operations on many jobs at once: a filter, first counted, then worked off page by page. */
import { z } from 'zod'
import { epochProblem } from '../time/epoch.js'
import { finalStates, unfinishedStates, type JobState } from '../states.js'

const noMoment = 'is no ISO 8601 time with an offset, such as "2030-01-31T10:00:00Z"'
const moment = z.union(
  [z.iso.datetime({ offset: true, error: ({ input }) => epochProblem(input) ?? noMoment }), z.date()],
  { error: ({ input }) => epochProblem(input) ?? noMoment },
)

const filterFields = {
  worker: z.string().min(1).max(200).optional(),
  createdAfter: moment.optional(),
  createdBefore: moment.optional(),
  /** The code of the error that a job failed with; the error's name where it had no code. */
  errorCode: z.string().min(1).max(200).optional(),
  /** A throttle key, concurrency key or unique key of jobs of `worker`. */
  key: z.string().min(1).max(512).optional(),
}

const pageFields = {
  /** Only counts, and answers with the token that the operation takes. */
  dryRun: z.literal(true).optional(),
  /**
   * Of the count: only what was there then is touched, and a page that is asked for again does nothing twice. Good for
   * an hour.
   */
  token: z.string().max(100).optional(),
  /** Where the last page ended. */
  cursor: z.string().max(100).optional(),
  /** How many jobs one request touches at the most, 1 to 1,000. Default 1,000. */
  limit: z.int().min(1).max(1_000).default(1_000),
}

interface Counted {
  dryRun?: true | undefined
  token?: string | undefined
}

/** A predicate, and what it says. */
const countedFirst: [(page: Counted) => boolean, { message: string; path: string[] }] = [
  ({ dryRun, token }) => (dryRun === undefined) !== (token === undefined),
  { message: 'Ask with `dryRun: true` first, then with the `token` of its answer.', path: ['token'] },
]

/** `states` may be asked for; `byDefault` are meant where none is. */
const bulkRequest = <State extends JobState>(states: readonly State[], byDefault: readonly State[]) => {
  const state = z.enum(states as readonly [State, ...State[]])
  return z
    .strictObject({
      filter: z
        .strictObject({
          ...filterFields,
          state: z
            .union([state, z.array(state).min(1).max(states.length)])
            .default([...byDefault])
            .transform((state): JobState[] => (Array.isArray(state) ? state : [state])),
        })
        .refine(({ key, worker }) => key === undefined || worker !== undefined, {
          message: 'A key belongs to a worker. Name it as `worker`.',
          path: ['key'],
        })
        .prefault({}),
      ...pageFields,
    })
    .refine(...countedFirst)
}

export const retryManyRequest = bulkRequest(finalStates, ['failed'])
export const replayManyRequest = bulkRequest(finalStates, ['failed'])
export const cancelManyRequest = bulkRequest(unfinishedStates, unfinishedStates)

/** Jobs in any state: those that are not final are named as skipped. */
export const eraseRequest = z
  .strictObject({
    filter: z
      .strictObject({
        ids: z.array(z.string().min(1).max(100)).min(1).max(1_000).optional(),
        /** The id of a job: those that it enqueued while it ran. */
        parent: z.string().min(1).max(100).optional(),
        worker: filterFields.worker,
        key: filterFields.key,
      })
      .refine(({ ids, parent, key }) => [ids, parent, key].filter((each) => each !== undefined).length === 1, {
        message: 'Name jobs by `ids`, by `parent`, or by `worker` and `key`.',
      })
      .refine(({ key, worker }) => (key === undefined) === (worker === undefined), {
        message: 'A key belongs to a worker. Name both.',
        path: ['key'],
      }),
    ...pageFields,
  })
  .refine(...countedFirst)

export type BulkRequest = z.output<typeof retryManyRequest>
/** `ids` and `parent` are for an erase. */
export type BulkFilter = BulkRequest['filter'] & { ids?: string[] | undefined; parent?: string | undefined }

export const replayRequest = z.strictObject({
  /** Default: the job's own. */
  args: z.record(z.string(), z.unknown()).optional(),
  /** superjson's meta for `args`. */
  argsMeta: z.unknown().optional(),
})
export type ReplayRequest = z.output<typeof replayRequest>
