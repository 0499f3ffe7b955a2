/** The options and the answer of `ctx.enqueue`. */
import type { EnqueueOptions } from './enqueueOptions.js'
import type { EnqueueRest, KnownName } from './registry.js'
import type { JobState } from '../states.js'

export type ChildOptions = EnqueueOptions & {
  /** The name of the call does what an id does elsewhere. */
  id?: undefined
  /**
   * Names this call within the job. The same call again, in a later attempt of the job, gives the job that was made the
   * first time. Default: the calls for each worker are counted, so the first one for `mail.send` is always the same
   * call. Name them where their order may change from attempt to attempt, by what each is about: an order's number,
   * say.
   */
  call?: string | undefined
}

/** A child job as it was when the coordinator answered. */
export interface ChildJob {
  id: string
  state: JobState
  /** Not before this moment. */
  runAt: Date
  /** It was there before: an earlier attempt has made it, or it holds the unique key of the one that was asked for. */
  existing: boolean
}

export type EnqueueChild<Jobs> = <Name extends string>(
  worker: KnownName<Jobs, Name>,
  ...rest: EnqueueRest<Jobs, Name, ChildOptions>
) => Promise<ChildJob>
