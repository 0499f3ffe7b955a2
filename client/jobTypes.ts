/** Jobs, as the typed client takes and shows them. */
import type { EnqueueOptions } from '../core/job/enqueueOptions.js'
import type { ResultOf } from '../core/job/registry.js'
import type { ErrandError } from '../core/errors.js'
import type { JobState } from '../core/states.js'
import type { Duration } from '../core/time/duration.js'
import type { Pause } from './pauseTypes.js'

/** One job of `enqueueMany`: the worker's name, its args, and the options of `enqueue`. */
export type EnqueueItem<Jobs, Name extends keyof Jobs> = { worker: Name } & ItemArgs<Jobs[Name]> & EnqueueOptions

type ItemArgs<Job> = [Job] extends [{ args: infer Args }]
  ? [object] extends [Args]
    ? { args?: Args | undefined }
    : { args: Args }
  : never

/**
 * The items for a list of names. Taken apart by name, the compiler looks at one worker for each item, not at the union
 * of all.
 */
export type EnqueueItems<Jobs, Names extends readonly unknown[]> = {
  [Index in keyof Names]: EnqueueItem<Jobs, Names[Index] & keyof Jobs>
}

export type EnqueueOutcomes<Jobs, Names extends readonly unknown[]> = {
  -readonly [Index in keyof Names]: EnqueueOutcome<ResultOf<Jobs, Names[Index] & keyof Jobs>>
}

export interface EnqueueManyOptions {
  /**
   * All or none: where one item cannot be enqueued, nothing is written, and the call throws `ATOMIC_REFUSED` with
   * issues that name the items. All travel in one request, so they must fit it: 10,000 jobs and about 8 MB. Default:
   * each item on its own.
   */
  atomic?: boolean | undefined
}

/** The outcome of one item of `enqueueMany`. */
export type EnqueueOutcome<Result> = { ok: true; job: JobHandle<Result> } | { ok: false; error: ErrandError }

/** An error that `run` threw, as it travelled. `stack` points into the worker's TypeScript source. */
export interface ReceiptError {
  name: string
  message: string
  code?: string | undefined
  stack?: string | undefined
  cause?: ReceiptError | undefined
}

/** Args as the coordinator shows them. */
export interface ShownArgs {
  /** Fields that their worker's `redact` names are `[redacted]`. `null` where all are hidden. */
  args: unknown
  /**
   * They are not for this API key; or it is not known what to redact, because their worker is not deployed or has
   * another version; or see `argsProblem`.
   */
  argsHidden?: true
  /** The stored args cannot be shown to any caller, or not as they were given, and this is why. */
  argsProblem?: string
  /** Something in them is `[redacted]`, so they are not what was enqueued. */
  argsRedacted?: true
}

/** One line that `ctx.log` wrote. */
export interface LogLine {
  /** By the function's clock. */
  at: Date
  message: string
  fields?: Record<string, unknown>
}

/** Progress and log of an attempt, beside its result. */
export interface AttemptProgress {
  /** How far it is, or was at its end: `fraction` from 0 to 1, as `ctx.progress` said. Absent where it said nothing. */
  progress?: { fraction: number; note?: string; at: Date }
  /** Oldest first. Absent where it logged nothing. */
  log?: LogLine[]
  /** How many older lines were dropped, because a log keeps 100 lines and 16 kB. Absent where none was. */
  logDropped?: number
}

export interface SuccessReceipt<Result> extends AttemptProgress {
  status: 'success'
  result: Result
  /**
   * Of `jobs.get` alone: the result is not for this API key, or it is not known what to redact of it; then `result` is
   * `undefined`.
   */
  resultHidden?: true
  /** The stored result cannot be shown to any caller, or not as `run` returned it, and this is why. */
  resultProblem?: string
  /** Counts from 1. */
  attempt: number
  /** It came after its attempt had been cancelled, and changed nothing. */
  late?: true
  startedAt: Date
  finishedAt: Date
}

export interface FailureReceipt extends AttemptProgress {
  status: 'failure'
  /** `error.code` is `TIMEOUT` where the attempt gave no receipt before its deadline. */
  error: ReceiptError
  attempt: number
  /** It came after its attempt had been cancelled, and changed nothing. */
  late?: true
  startedAt: Date
  finishedAt: Date
}

/** How a job ended: the receipt of its last attempt, or that it was cancelled. */
export type Receipt<Result> = SuccessReceipt<Result> | FailureReceipt | { status: 'cancelled'; finishedAt: Date }

export interface WaitOptions {
  /** How long to wait for the job to end, retries included. Default `5m`. */
  timeout?: Duration | undefined
  /** Ends the waiting, not the job. */
  signal?: AbortSignal | undefined
}

/** A job by its id. */
export interface JobReference<Result> {
  readonly id: string
  /**
   * Waits until the job is final, through all its retries, and tells how it ended. A coordinator that cannot be reached
   * meanwhile is asked again. Throws `ReceiptTimeoutError` when the time is over (the job goes on), and `ErrandError`
   * `UNKNOWN_JOB` once the job has been purged. The result is whole, also where the worker redacts it; to an `observe`
   * key it is as `jobs.get` shows it, and `FORBIDDEN` is thrown where that is nothing.
   */
  receipt(options?: WaitOptions): Promise<Receipt<Result>>
  /**
   * The same for those who only want what `run` returned. Throws `JobFailedError` for a job that failed or was
   * cancelled.
   */
  result(options?: WaitOptions): Promise<Result>
}

/** A job that was enqueued just now. */
export interface JobHandle<Result> extends JobReference<Result> {
  /** As it was when the coordinator answered. `jobs.get(id)` tells how it is now. */
  readonly state: JobState
  /** Not before this moment. */
  readonly runAt: Date
  /** Whether the job was there before: it holds the key of the one that was asked for. */
  readonly existing: boolean
}

/**
 * A job as the coordinator shows it. Its args may be older than the worker's schema, so they have no type. `progress`
 * and `log` are of the attempt that runs; those of attempts that are over stand in their receipts.
 */
export interface JobDetails extends AttemptProgress, ShownArgs {
  id: string
  worker: string
  state: JobState
  /** The attempt that runs or ran last; 0 before the first. */
  attempt: number
  maxAttempts: number
  /** How often it snoozed; absent where it never did. */
  snoozes?: number
  priority: number
  runAt: Date
  createdAt: Date
  finishedAt?: Date
  /** Hidden with the args, and where their worker redacts any. */
  key?: string
  scheduleId?: string
  /** The group it is a member of. */
  groupId?: string
  /** The group whose callback it is. */
  callbackOfGroupId?: string
  /** The job that it was made from by a replay. */
  replayOf?: string
  /** The pause that keeps a job that waits from starting. */
  paused?: Pause
  /** The job that enqueued this one while it ran. */
  parent?: string
  /** The deployment it was enqueued with; absent where none was live. */
  deployment?: number
  /** It runs on the function of that one, as long as that lives. */
  pinned?: true
  /** False while no deployed worker has the job's name; the job waits until it is back. */
  workerKnown: boolean
  /** The worker's `version` when the args were taken; absent for 1. */
  argsVersion?: number
  /** One for each attempt that is over, in their order. */
  receipts: (SuccessReceipt<unknown> | FailureReceipt)[]
}

export type JobSummary = Omit<JobDetails, 'receipts' | 'log' | 'logDropped'>

export interface ListOptions<Name extends string = string> {
  worker?: Name | undefined
  state?: JobState | undefined
  /** The id of a job: only those that it enqueued while it ran. */
  parent?: string | undefined
  /** How many jobs at the most, 1 to 500. Default 50. */
  limit?: number | undefined
  /** Where the last page ended. */
  cursor?: string | undefined
}

export interface JobPage {
  /** Newest first. */
  jobs: JobSummary[]
  /** Where the next page begins; `null` on the last one. */
  cursor: string | null
}
