/** The bodies that go over the wire: one schema for each, used by REST, tRPC, the client and the command alike. */
import { enqueueManyLimit } from '../limits.js'
import { z } from 'zod'
import { maxCauses } from '../payload/causes.js'
import { durationProblem, parseDuration, type Duration } from '../time/duration.js'
import { epochProblem } from '../time/epoch.js'
import { progressFields } from './progress.js'
import { jobStates } from '../states.js'
import { uniqueKey, uniqueRequest } from './unique.js'

export const duration = z
  .custom<Duration>((value) => parseDuration(value) !== undefined, { error: (issue) => durationProblem(issue.input) })
  .meta({ type: 'string', examples: ['90s', '10m', '2h'] })

/** A moment as people write it; `core/time/requestMoment` reads it, because a local time needs its zone. */
export const moment = z.union([z.string().min(1).max(64), z.date()], {
  error: ({ input }) => epochProblem(input) ?? 'is no time. Send it as ISO 8601, such as "2030-01-31T10:00:00Z"',
})

export const workerName = z.string().min(1).max(200)
export const plainObject = z.record(z.string(), z.unknown())

export const priority = z.int().min(-1000).max(1000)

/** When, and with what, a job shall run. Shared by every way to enqueue. */
const enqueueFields = {
  worker: workerName,
  /**
   * A UUID of the caller's, best of version 7 and fresh: asked for again under the same id, the same job is the answer,
   * as long as the job is there and for an hour at least. Default: the coordinator makes one.
   */
  id: z.uuid('must be a UUID').toLowerCase().optional(),
  /** Plain JSON. */
  args: plainObject.default({}),
  /** superjson's meta for `args`, where they hold what JSON cannot say. */
  argsMeta: z.unknown().optional(),
  /** Not before this moment. A time in the past means now. Default: now. */
  runAt: moment.optional(),
  /** Not before this long from now. Excludes `runAt`. */
  delay: duration.optional(),
  /** The zone of a `runAt` without an offset, or of `cron`. Default `UTC`. */
  timezone: z.string().max(64).optional(),
  /** Higher runs first, from -1000 to 1000. Default: the worker's. */
  priority: priority.optional(),
  /**
   * Short for `unique: { key }`; where the worker has no policy, a job with a key that is held is refused. Taken for
   * each worker on its own.
   */
  key: uniqueKey.optional(),
  /** One job of a key. */
  unique: uniqueRequest.optional(),
}

export const excludeEachOther = (a: string, b: string) => ({
  message: `${a} and ${b} exclude each other. Give one of them.`,
  path: [b],
})

export const enqueueRequest = z
  .strictObject(enqueueFields)
  .refine((body) => body.runAt === undefined || body.delay === undefined, excludeEachOther('runAt', 'delay'))
  .refine((body) => body.key === undefined || body.unique === undefined, excludeEachOther('key', 'unique'))
export type EnqueueRequest = z.input<typeof enqueueRequest>
export type ParsedEnqueueRequest = z.output<typeof enqueueRequest>

/** A schedule has these in the place of a time. */
const recurring = ['cron', 'every'] as const
/** A schedule has no use for these. */
const onceOnly = ['id', 'unique', 'runAt', 'delay'] as const

/** `POST /job`: a job, or with `cron` or `every` a schedule. */
export const postJobRequest = z
  .strictObject({ ...enqueueFields, cron: z.string().max(200).optional(), every: duration.optional() })
  .refine((body) => body.runAt === undefined || body.delay === undefined, excludeEachOther('runAt', 'delay'))
  .refine((body) => body.key === undefined || body.unique === undefined, excludeEachOther('key', 'unique'))
  .refine((body) => body.cron === undefined || body.every === undefined, excludeEachOther('cron', 'every'))
  .superRefine((body, context) => {
    for (const rule of recurring.filter((field) => body[field] !== undefined)) {
      for (const field of onceOnly.filter((field) => body[field] !== undefined)) {
        context.addIssue({ code: 'custom', ...excludeEachOther(field, rule) })
      }
    }
  })

/** Items are checked one by one, so that a bad one does not spoil the others. */
export const enqueueManyRequest = z.strictObject({
  jobs: z.array(z.unknown().meta({ describedBy: enqueueRequest })).max(enqueueManyLimit),
  /**
   * The id of the first job, a UUID of version 7; those behind it have the ids that follow. So all are the same jobs where
   * the request comes again. Default: each has its own, or the coordinator makes one.
   */
  id: z.uuidv7('must be a UUID of version 7').toLowerCase().optional(),
  /** All or none: where one item cannot be enqueued, nothing is written. Default: each on its own. */
  atomic: z.boolean().default(false),
})

/** An error as it travels: what `run` threw, without all that is no text. `stack` points into the TypeScript source. */
export interface ReceiptError {
  name: string
  message: string
  code?: string | undefined
  stack?: string | undefined
  cause?: ReceiptError | undefined
}

const text = (max: number) => z.string().transform((value) => value.slice(0, max))

const errorFields = {
  name: text(200).default('Error'),
  message: text(10_000).default(''),
  code: z
    .union([z.string(), z.number()])
    .transform((code) => String(code).slice(0, 200))
    .optional(),
  stack: text(20_000).optional(),
}

/** Level by level, not by recursion: a cause below the last one is an unknown field, and is not looked into. */
const errorWithCauses = (causes: number): z.ZodType<ReceiptError> =>
  causes === 0 ? z.object(errorFields) : z.object({ ...errorFields, cause: errorWithCauses(causes - 1).optional() })

/** A bare text is welcome too, for functions in other languages. */
const receiptError = z.union([
  errorWithCauses(maxCauses),
  z.string().transform((message): ReceiptError => ({ name: 'Error', message: message.slice(0, 10_000) })),
])

export const receiptBody = z.discriminatedUnion('status', [
  z.strictObject({
    status: z.literal('success'),
    result: z.unknown().optional(),
    resultMeta: z.unknown().optional(),
    ...progressFields,
  }),
  z.strictObject({
    status: z.literal('failure'),
    error: receiptError,
    /** When to try again: a duration, or a number of seconds as in the HTTP header. Default: the worker's backoff. */
    retryAfter: z.union([duration, z.number().nonnegative().max(3_153_600_000)]).optional(),
    /** Never try again. */
    fatal: z.boolean().optional(),
    ...progressFields,
  }),
])
/** The receipt of one attempt, as a function gives it. */
export type ReceiptBody = z.input<typeof receiptBody>
export type ParsedReceiptBody = z.output<typeof receiptBody>

/** The body of the coordinator's call to a function. */
export interface FunctionCall {
  id: string
  worker: string
  /** Counts from 1. */
  attempt: number
  maxAttempts: number
  args: unknown
  argsMeta?: unknown
  /** Of the contract that took the args; absent for version 1. */
  argsVersion?: number
  /** ISO 8601. */
  deadline: string
  /** ISO 8601, only of workers with `receipt: 'posted'`: no heartbeat moves the deadline beyond this. */
  latest?: string
  /**
   * Its worker has a limit of how many run at once: where the answer is not heard, the coordinator wants to be told
   * when the work is over (`…/ended`).
   */
  limited?: true
  /** An address that is good for this attempt alone: its holder may post one receipt. */
  receipt: string
  traceparent?: string
}

/**
 * The body of a call that carries several jobs of a worker, for workers with `jobsPerCall`. The answer is a receipt for
 * each, in their order.
 */
export interface FunctionCalls {
  jobs: FunctionCall[]
}

/** Milliseconds until a function's `retryAfter`. */
export const retryAfterMs = (retryAfter: Duration | number): number =>
  typeof retryAfter === 'number' ? Math.round(retryAfter * 1_000) : parseDuration(retryAfter)!

export const listJobsRequest = z.strictObject({
  worker: workerName.optional(),
  state: z.enum(jobStates).optional(),
  /** The id of a job: only those that it enqueued while it ran. */
  parent: z.string().max(100).optional(),
  /** How many jobs at the most, 1 to 500. Default 50. */
  limit: z.int().min(1).max(500).default(50),
  /** Where the last page ended. */
  cursor: z.string().max(100).optional(),
})
export type ListJobsRequest = z.input<typeof listJobsRequest>

/** Args as a caller is shown them: fields that their worker's `redact` names are `[redacted]`. */
export interface ArgsView {
  /** Null where they are hidden. */
  args: unknown
  argsMeta?: unknown
  /**
   * They are not for this caller's key; or it is not known what to redact, because their worker is not deployed or has
   * another version; or a list of schedules would be too large with them; or see `argsProblem`.
   */
  argsHidden?: true
  /**
   * The stored args cannot be shown to any caller, or not as they were given, and this is why: they were stored before
   * there were bounds.
   */
  argsProblem?: string
  /** Something in them is `[redacted]`, so they are not what was enqueued. */
  argsRedacted?: true
}

export interface ResultView {
  result?: unknown
  resultMeta?: unknown
  /** There is a result, and it is hidden; see `ArgsView`. */
  resultHidden?: true
  resultProblem?: string
}
