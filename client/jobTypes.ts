/** Jobs, as the typed client takes and shows them. */
import type { EnqueueOptions } from '../core/job/enqueueOptions.js'
import type { ResultOf } from '../core/job/registry.js'
import type { ErrandError } from '../core/errors.js'
import type { JobState } from '../core/states.js'
import type { Duration } from '../core/time/duration.js'
import type { ErrorView, JobRow, JobView, ReceiptView } from '../core/views/answers.gen.js'
import type { Dated } from './dated.js'

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

/** An error that `run` threw, as it travelled. */
export interface ReceiptError extends ErrorView {}

/** Args as the coordinator shows them. */
export interface ShownArgs extends Pick<JobView, 'args' | 'argsHidden' | 'argsProblem' | 'argsRedacted'> {}

type DatedReceipt = Dated<ReceiptView>

/** Progress and log of an attempt, beside its result. */
export interface AttemptProgress extends Pick<DatedReceipt, 'progress' | 'log' | 'logDropped'> {}

/** One line that `ctx.log` wrote. */
export type LogLine = NonNullable<AttemptProgress['log']>[number]

/** Of every receipt. */
type AnyReceipt = Pick<DatedReceipt, 'attempt' | 'late' | 'startedAt' | 'finishedAt'> & AttemptProgress

export interface SuccessReceipt<Result> extends AnyReceipt, Pick<DatedReceipt, 'resultProblem'> {
  status: 'success'
  result: Result
  /**
   * Of `jobs.get` alone: the result is not for this API key, or it is not known what to redact of it; then `result` is
   * `undefined`.
   */
  resultHidden?: true
}

export interface FailureReceipt extends AnyReceipt {
  status: 'failure'
  /** `error.code` is `TIMEOUT` where the attempt gave no receipt before its deadline. */
  error: ReceiptError
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
export interface JobDetails extends Omit<Dated<JobView>, 'argsMeta' | 'receipts'> {
  /** One for each attempt that is over, in their order. */
  receipts: (SuccessReceipt<unknown> | FailureReceipt)[]
}

export interface JobSummary extends Omit<Dated<JobRow>, 'argsMeta'> {}

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
