/**
 * Errors that `run` may throw to say more than "it failed, try again". A `catch` inside `run` must let these through.
 */
import { parseDuration, durationProblem, type Duration } from '../time/duration.js'

/** A failure that trying again cannot cure: the job goes to `failed` at once, however many attempts it has left. */
export class Fatal extends Error {
  override name = 'Fatal'
}

/**
 * A failure that is worth trying again at a known time, such as a 429 with its `Retry-After`.
 * It uses up an attempt like any failure; only the wait is given here instead of by the backoff.
 */
export class RetryAfter extends Error {
  override name = 'RetryAfter'
  /** How long to wait before the next attempt. */
  readonly delay: Duration

  /** Throws `RangeError` where `delay` is no duration. */
  constructor(delay: Duration, message = `asked to be tried again after ${delay}`, options?: ErrorOptions) {
    if (parseDuration(delay) === undefined) throw new RangeError(durationProblem(delay))
    super(message, options)
    this.delay = delay
  }
}

/**
 * Not a failure and not an end: the job has nothing to do yet, and is run again after `delay`. `ctx.snooze('10m')`
 * throws it. No attempt is used up and no receipt is written; a slot that the job held is free meanwhile, and a unique
 * key stays held.
 */
export class Snooze extends Error {
  override name = 'Snooze'
  /** How long the job is left alone. The coordinator takes at least a second. */
  readonly delay: Duration

  /** Throws `RangeError` where `delay` is no duration. */
  constructor(delay: Duration) {
    if (parseDuration(delay) === undefined) throw new RangeError(durationProblem(delay))
    super(`asked to be run again after ${delay}`)
    this.delay = delay
  }
}
