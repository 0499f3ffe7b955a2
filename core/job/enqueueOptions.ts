/**
 * When, and with what, a job shall run, as those who enqueue in TypeScript say it. `core/requests/wire` has the same
 * for the wire.
 */
import type { Duration } from '../time/duration.js'
import type { UniqueOptions } from './uniqueOptions.js'

interface AnyEnqueueOptions {
  /**
   * A UUID, best of version 7 and fresh: asked for again under the same id, the same job is the answer, as long as the
   * job is there and for an hour at least. Default: the client makes one, so that it may ask again by itself.
   */
  id?: string | undefined
  /** Higher runs first: a whole number from -1000 to 1000. Default: the worker's. */
  priority?: number | undefined
  /**
   * Short for `unique: { key }`. Where the worker has no `unique` of its own, another job with this key is refused with
   * `KEY_TAKEN` while this one is not final. Excludes `unique`.
   */
  key?: string | undefined
  /** One job of a key. Needs a `key` where the worker has no `unique.key`. */
  unique?: UniqueOptions | undefined
}

interface EnqueueAfter extends AnyEnqueueOptions {
  /** Not before this long from now. Default: now. */
  delay?: Duration | undefined
  runAt?: undefined
}

interface EnqueueAt extends AnyEnqueueOptions {
  /**
   * Not before this moment: a `Date`, ISO 8601 with an offset, or a local time such as `2030-01-01 10:00:00 AM`, read
   * in `timezone`. A time in the past means now.
   */
  runAt: Date | string
  /** The zone of a `runAt` without an offset, such as `Europe/Berlin`. Default `UTC`. */
  timezone?: string | undefined
  delay?: undefined
}

/** `delay` and `runAt` exclude each other. */
export type EnqueueOptions = EnqueueAfter | EnqueueAt
