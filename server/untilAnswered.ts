/**
 * Repeats what may be done twice, while the database is the reason that it fails. For writes that are told apart by a
 * token, and for reading back what such a write has done: no caller may conclude that it did nothing before the
 * database has said so.
 */
import { createAlarm } from '../core/time/alarm.js'
import type { Deps } from './deps.js'
import { isOutage } from './store/outage.js'

export interface Patience {
  /** After this moment it is not tried again. Default: it is tried until it is answered. */
  until?: Date
  /** When it aborts, it is not tried again. */
  signal?: AbortSignal
}

const firstPauseMs = 100
/** Those who wait for the database look at least this often; they are woken when anything succeeds again. */
export const longestPauseMs = 5_000

/** Throws any other error of `operation` at once, and the database's own when patience is over. */
export async function untilAnswered<Outcome>(
  { clock, events }: Pick<Deps, 'clock' | 'events'>,
  operation: () => Promise<Outcome>,
  { until, signal = new AbortController().signal }: Patience = {},
): Promise<Outcome> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return await operation()
    } catch (error) {
      const now = clock.now()
      if (!isOutage(error) || signal.aborted || (until && until <= now)) throw error
      const next = new Date(now.getTime() + pauseMs)
      const alarm = createAlarm()
      const stopListening = events.on('databaseBack', () => alarm.set(clock.now()))
      await alarm.wait(clock, until && until < next ? until : next, signal)
      stopListening()
      if (signal.aborted) throw error
    }
  }
}
