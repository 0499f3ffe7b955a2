/** What `run` may throw to say more than "it failed, try again". */
import { parseDuration, durationProblem, type Duration } from './duration.js'

/** A failure that trying again cannot cure: the job goes to `failed` at once, whatever attempts it has left. */
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
