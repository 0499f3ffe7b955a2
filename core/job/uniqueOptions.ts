/** Unique, as it may be said for a worker (`defineJob`) and for one job (the options of an enqueue). */
import type { Duration } from '../time/duration.js'

/**
 * How long a job holds its key: until it has `'started'`, until it is `'finished'` (in any final state), or for a
 * duration from the moment it was enqueued.
 */
export type UniqueUntil = 'started' | 'finished' | Duration

/**
 * The rule for a job whose key is taken: `'return'` answers with the job that holds it, `'reject'` refuses with
 * `KEY_TAKEN`, `'replace'` gives the owner the new args and time, `'debounce'` gives it the new args and moves its time
 * on, at most `maxWait`. An owner that has started can be neither replaced nor debounced: then the new job is refused
 * with `KEY_TAKEN`.
 */
export type OnConflict = (typeof onConflicts)[number]
export const onConflicts = ['return', 'reject', 'replace', 'debounce'] as const

/** For one job. A field that is left out is as the worker's `unique` says, or else has its default. */
export interface UniqueOptions {
  /**
   * Jobs of a worker with the same key are the same work; at most 512 characters. Default: what the worker's
   * `unique.key` makes of the args.
   */
  key?: string | undefined
  /** Default `'finished'`. */
  until?: UniqueUntil | undefined
  /** Default `'return'`. */
  onConflict?: OnConflict | undefined
  /** For `'debounce'`: the longest a job is moved on, from the moment it was first enqueued. Default `'1h'`. */
  maxWait?: Duration | undefined
}
