/** Defines a worker: one `defineJob` call, the default export of a module in jobs/. */
import type * as z from 'zod/v4/core'
import type { Backoff } from './backoff.js'
import type { Duration } from '../time/duration.js'
import type { Size } from '../payload/size.js'
import type { EnqueueChild } from './childOptions.js'
import type { RegisteredJobs } from './register.js'
import type { Rhythm, SchedulePolicies } from './scheduleOptions.js'
import type { OnConflict, UniqueUntil } from './uniqueOptions.js'

/** Any zod 4 schema whose input is an object; refinements, transforms and pipes on it are welcome. */
export type ArgsSchema = z.$ZodType<unknown, object>

export interface RetryPolicy {
  /** How many times a job may be tried in all, the first time included. From 1 to 1000. Default 5. */
  attempts?: number
  /** How long to wait after a failure. Default: exponential from `'1s'` to `'1h'` with jitter. */
  backoff?: Backoff
  /**
   * How many attempts beyond the first may start each `per`, over all jobs of the worker. A retry beyond that waits for
   * its turn; first attempts never wait for it. Default: no limit.
   */
  budget?: {
    limit: number
    per: Duration
  }
}

export interface ThrottlePolicy<Args> {
  /** How many jobs may start each `per`, on average, for each key. */
  limit: number
  per: Duration
  /** How many may start at once after a quiet time. Default: `limit`. */
  burst?: number
  /** Jobs with the same key share the limit. Default: all jobs of the worker share one. */
  key?: (args: Args) => string
}

export interface ConcurrencyPolicy<Args> {
  /** How many jobs may run at once, for each key. Those beyond it are `blocked` until one ends. */
  limit: number
  /** Jobs with the same key share the limit. Default: all jobs of the worker share one. */
  key?: (args: Args) => string
}

export interface UniquePolicy<Args> {
  /** Jobs with the same key are the same work. */
  key: (args: Args) => string
  /** How long a job holds its key. Default `'finished'`. */
  until?: UniqueUntil
  /** The rule for a job whose key is taken. Default `'return'`. */
  onConflict?: OnConflict
  /** For `'debounce'`: the longest a job is moved on, from the moment it was first enqueued. Default `'1h'`. */
  maxWait?: Duration
}

/**
 * How long a final job is kept. One whose caller gave an id, as the typed client does, is there for an hour at least, so
 * that a request that comes again finds it.
 */
export interface KeepPolicy {
  /** How long a job and its receipts are kept after it succeeded. Default `'1d'`. */
  succeeded?: Duration
  /** Default `'30d'`. */
  failed?: Duration
  /** Default `'7d'`. */
  cancelled?: Duration
}

/** Fires by `cron` or by `every`; each occurrence makes a job. */
export type SchedulePolicy<Input> = Rhythm &
  SchedulePolicies & {
    /** The args of each job the schedule makes. Default `{}`. */
    args?: Input
  }

/** Given to `run` beside its args. */
export interface JobContext {
  readonly jobId: string
  readonly worker: string
  /** Counts from 1. */
  readonly attempt: number
  readonly maxAttempts: number
  /** When a missing receipt counts as a failure. A heartbeat moves it. */
  readonly deadline: Date
  /**
   * Aborts at the deadline, and when the coordinator no longer waits for this attempt. Pass it to `fetch` and friends.
   */
  readonly signal: AbortSignal
  /**
   * Moves the deadline to the worker's timeout from now, for work that takes longer than foreseen; at most to
   * `maxRuntime` from the attempt's start. Where the worker's `receipt` is `'posted'` this is done for it while `run`
   * goes on. Throws when the attempt is over (it timed out, or was cancelled); then `signal` has aborted as well.
   */
  heartbeat: () => Promise<void>
  /**
   * Tells how far the attempt is, from 0 to 1; what lies beyond is cut. Shown with the job while it runs, and then with
   * the attempt's receipt. May be called as often as one likes: at most one a second is sent, the last one. Throws
   * `RangeError` for what is no number, and never because of the network.
   */
  progress: (fraction: number, note?: string) => void
  /**
   * Writes a line into the attempt's log, which is kept with its receipt. `fields` is plain JSON, of at most 4,000
   * characters. The last 100 lines are kept, up to 16 kB; how many older ones were dropped is told. Never throws.
   */
  log: (message: string, fields?: Record<string, unknown>) => void
  /**
   * Enqueues a child job, and answers once it is in the coordinator's journal. A retry that makes the same call again
   * gets the job of the first time (see `call` in the options), so it is made once for each job. Typed by the workers
   * in this project's jobs/. Throws `ErrandError` `INVALID_ARGS`, `UNKNOWN_WORKER`, `INVALID_TIME` and `KEY_TAKEN` as
   * the client does, and when the attempt is over; then `signal` has aborted as well.
   */
  enqueue: EnqueueChild<RegisteredJobs>
  /**
   * Ends this run, and has the job run again after `delay`, for work whose time has not come: an export that is not
   * ready, a window that is closed. It costs no attempt and writes no receipt, however often; so a delay under a second
   * counts as one. Throws `Snooze`, which a `catch` inside `run` must let through; write `return ctx.snooze('10m')`.
   * Throws `RangeError` where `delay` is no duration.
   */
  snooze: (delay: Duration) => never
}

export interface JobOptions<Schema extends ArgsSchema, Result> {
  /** Callers give this schema's input type; `run` and the key functions get its output type. */
  args: Schema
  /**
   * Which args these are: a whole number from 1, raised when args that wait must be changed to fit. Default 1. Jobs
   * keep the version they were enqueued with; where theirs is higher, because the code was rolled back, an attempt
   * fails with `VERSION_AHEAD` and is tried again.
   */
  version?: number
  /**
   * Makes args of an earlier version what the schema takes now, before it parses them. Give `args` the type they had.
   * Called in the function, and in the coordinator for schedules and `errand codegen --compat`; so like a key function
   * it may use what the schema may use, and no more. An error that it throws fails the attempt.
   */
  migrate?(args: object, fromVersion: number): z.input<Schema> | Promise<z.input<Schema>>
  /**
   * A schema for what `run` returns, checked before the receipt is written. Default: the type of what `run` returns,
   * not checked.
   */
  result?: z.$ZodType<Result>
  retry?: RetryPolicy
  /** How long an attempt may take before its missing receipt counts as a failure. Default `'30s'`. */
  timeout?: Duration
  /**
   * How long an attempt may take in all: no heartbeat, `ctx.heartbeat()` or automatic, moves its deadline beyond this.
   * It ends work that hangs and still is heard of. Default `'24h'`, or `timeout` where that is longer.
   */
  maxRuntime?: Duration
  /** Delays jobs beyond a rate; never drops one. */
  throttle?: ThrottlePolicy<z.output<Schema>>
  /** At most one job of a key. Race-free, across coordinators. */
  unique?: UniquePolicy<z.output<Schema>>
  /** At most so many at once. Holds across coordinators; a slot ends with its attempt and cannot leak. */
  concurrency?: ConcurrencyPolicy<z.output<Schema>>
  /** Higher runs first, from -1000 to 1000. Default 0. */
  priority?: number
  /** Makes the worker recurring. */
  schedule?: SchedulePolicy<z.input<Schema>>
  keep?: KeepPolicy
  /**
   * The largest args and result, as JSON. `errand build` holds them against what each platform takes.
   * Default: what the coordinator takes.
   */
  limits?: LimitsPolicy
  /**
   * How many jobs one call of the function may carry, from 1 to 500. Each has its own run, attempt, deadline and
   * receipt all the same; they run side by side, and their receipts travel together once the last of them is done. For
   * quick jobs in great numbers: a call costs more than the job then. Default 1.
   */
  jobsPerCall?: number
  /**
   * Fields of args and result that are never shown: paths of names, with `*` for each element of a list, each value of
   * a record or a Map, or each member of a Set: `['card.number', 'items.*.secret']`. They lead into args as callers
   * give them and into what `run` returns. Everything that shows a job shows `[redacted]` there, and no key of the
   * worker's jobs; a caller that waits for the job's receipt gets the whole result. Errors, notes of progress and lines
   * of logs are shown as they are, so keep such values out of them. Default: none.
   */
  redact?: readonly string[]
  /**
   * How the function hands in its receipt: `'answered'` with the response to the coordinator's call (default), or
   * `'posted'` to the attempt's receipt address after the call was answered with 202, for work that outlasts what a
   * platform allows one request. While `run` goes on, heartbeats are sent at a third of `timeout`, which then says how
   * soon a function that died is noticed, and need not be a guess at how long the work takes.
   */
  receipt?: 'answered' | 'posted'
  /**
   * Which deployment's function runs a job: the one that is live when an attempt starts (`'latest'`, the default), or
   * the one the job was enqueued with (`'pinned'`), for all its attempts, until that deployment is retired. Policies
   * such as `retry` are always those of the live one.
   */
  deployment?: 'latest' | 'pinned'
  run(args: z.output<Schema>, context: JobContext): Result | Promise<Result>
}

export interface LimitsPolicy {
  /**
   * Larger args are refused with `PAYLOAD_TOO_LARGE`. At most `'7.5mb'`; beyond 1 MiB the coordinator's `maxBodyBytes`
   * has to be raised as well.
   */
  args?: Size
  /**
   * A larger result is a failure with `RESULT_TOO_LARGE`, which is not tried again. At most `'1mb'`. Default: 1 MiB,
   * which is what a receipt holds.
   */
  result?: Size
}

/** A worker as its module exports it. */
export type Job<Schema extends ArgsSchema = ArgsSchema, Result = unknown> = Readonly<JobOptions<Schema, Result>>

/**
 * Defines a worker. Its name is the path of its module: `jobs/mail/send.ts` is `mail.send`.
 * The call does nothing but give types; policies are checked by `errand codegen`, which names file and line.
 */
export function defineJob<Schema extends ArgsSchema, Result>(options: JobOptions<Schema, Result>): Job<Schema, Result> {
  return options
}
