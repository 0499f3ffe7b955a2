/** Pauses in the typed client. */

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

export interface Pause {
  scope: 'all' | 'worker' | 'key'
  worker?: string
  key?: string
  /** There is a key, and this API key may not see it. */
  keyHidden?: true
  /** The name of the API key that paused it; `circuit breaker` where Errand did, because the function fails. */
  by: string
  at: Date
  reason?: string
  /**
   * Of a circuit breaker's: one job is tried then, and the others follow when the function answers. Absent where an
   * operator has to resume it.
   */
  until?: Date
}

export interface ListedPause extends Pause {
  /**
   * How many jobs it keeps from starting that would be claimed otherwise; 10,000 stands for as many or more. Of
   * everything this is not counted.
   */
  waiting?: number
}

/** A pause that has ended. */
export interface Resumed extends Pause {
  /** How many waiting jobs may start at once. Where very many wait, the rest follow by themselves. */
  released: number
}

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
