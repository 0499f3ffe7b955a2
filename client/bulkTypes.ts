/** Retry, replay, cancel and erase by filter, in the typed client. */
import type { BulkCount, BulkOutcome } from '../core/views/answers.gen.js'
import type { FinalState, UnfinishedState } from '../core/states.js'

export interface ManyFilter<Name extends string, State extends string> {
  worker?: Name | undefined
  /**
   * One state, or several. Default for `retryMany` and `replayMany`: `failed`; for `cancelMany`: every one that is not
   * final.
   */
  state?: State | readonly State[] | undefined
  createdAfter?: Date | string | undefined
  createdBefore?: Date | string | undefined
  /** The code of the error that a job failed with; the error's name where it had no code. */
  errorCode?: string | undefined
  /** A throttle key, concurrency key or unique key of jobs of `worker`. */
  key?: string | undefined
}

/** The outcome of all pages: at most a hundred of the skipped jobs are named. */
export type ManyOutcome = Omit<BulkOutcome, 'cursor'>

/**
 * Counts first, then does what was counted: `dryRun` answers with the `token` that the operation takes, for an hour and
 * for this filter.
 */
interface Many<Name extends string, State extends string> {
  (filter: ManyFilter<Name, State>, options: { dryRun: true; token?: undefined }): Promise<BulkCount>
  /**
   * Page by page, newest first. Only jobs that were there at the count are touched; called again with the token after
   * an error, it does nothing twice. Throws `BAD_REQUEST` for a token that is too old or of another filter.
   */
  (filter: ManyFilter<Name, State>, options: { token: string; dryRun?: undefined }): Promise<ManyOutcome>
}

/** Jobs by their ids, by the job that enqueued them while it ran, or by a key of a worker. */
export type EraseFilter<Name extends string = string> =
  | { ids: readonly string[]; parent?: undefined; worker?: undefined; key?: undefined }
  | { parent: string; ids?: undefined; worker?: undefined; key?: undefined }
  | {
      worker: Name
      /** A throttle key, concurrency key or unique key of its jobs. */
      key: string
      ids?: undefined
      parent?: undefined
    }

interface Erase<Name extends string> {
  (filter: EraseFilter<Name>, options: { dryRun: true; token?: undefined }): Promise<BulkCount>
  /** Page by page. Throws `BAD_REQUEST` for a token that is too old or of another filter. */
  (filter: EraseFilter<Name>, options: { token: string; dryRun?: undefined }): Promise<ManyOutcome>
}

export interface ManyJobs<Name extends string = string> {
  /** Cancels jobs by filter. */
  cancelMany: Many<Name, UnfinishedState>
  /** Retries jobs by filter. */
  retryMany: Many<Name, FinalState>
  /** Replays jobs by filter, with their args as they were. */
  replayMany: Many<Name, FinalState>
  /**
   * Deletes for good, of jobs that are final: args, keys, progress, receipts and logs, and what a group's callback was
   * given of them. The jobs stay as records without these, and cannot run again. Jobs that are not final are among the
   * skipped: cancel them first.
   */
  erase: Erase<Name>
}

export type { BulkCount }
