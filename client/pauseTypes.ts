/** Pauses in the typed client. */
import type { ListedPause as ListedPauseView, PauseView, Resumed as ResumedView } from '../core/views/answers.gen.js'
import type { Dated } from './dated.js'

/** The target of a pause: everything, a worker, or a key of a worker. */
export type PauseTarget<Name extends string = string> =
  | { all: true; worker?: undefined; key?: undefined }
  | {
      worker: Name
      /** A throttle key, concurrency key or unique key of its jobs. Default: all its jobs. */
      key?: string | undefined
      all?: undefined
    }

export type PauseOptions<Name extends string = string> = PauseTarget<Name> & {
  /** For those who find it paused. */
  reason?: string | undefined
}

export interface Pause extends Dated<PauseView> {}

export interface ListedPause extends Dated<ListedPauseView> {}

/** A pause that has ended. */
export interface Resumed extends Dated<ResumedView> {}

export interface Pausing<Name extends string = string> {
  /**
   * Nothing of it starts any more, on this coordinator at once and on others within three seconds; what runs, or is
   * claimed already, runs on. A target that is paused already stays as it is. Throws `UNKNOWN_WORKER`.
   */
  pause(options: PauseOptions<Name>): Promise<Pause>
  /** Ends one pause; a job that another one covers goes on waiting. Throws `UNKNOWN_PAUSE`. */
  resume(target: PauseTarget<Name>): Promise<Resumed>
  pauses: {
    /** Oldest first. */
    list(): Promise<ListedPause[]>
  }
}
