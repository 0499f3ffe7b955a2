/** The tick in the typed client. */
import type { Dated } from './dated.js'
import type { TickSummary } from '../core/views/answers.gen.js'
import type { Duration } from '../core/time/duration.js'

export interface TickOptions {
  /** How long it may take. Cut to what the coordinator was given. Default: two thirds of the client's `timeout`. */
  budget?: Duration | undefined
}

/** The work of a tick. */
export interface Tick extends Dated<TickSummary> {}

export interface Ticking {
  /**
   * Has the coordinator make every step of the jobs' lives once: for one that does not stay on, where no cron calls it.
   * Answers when nothing is left to do, or the budget is over. Safe beside other ticks and coordinators that stay on.
   * Throws `TICK_FAILED` once every step had its turn, where some failed.
   */
  tick(options?: TickOptions): Promise<Tick>
}
