/** Time limits that hold for a process which runs. */
import type { Clock } from '../../core/time/clock.js'

/**
 * Rings so much later than asked for, the process has slept meanwhile: a function that was frozen, a laptop that was
 * closed.
 */
const sleptMs = 1_000

/**
 * Rings after `ms`. Where the process has slept, what is waited for had no time, so it waits once more. Answers with
 * what takes the alarm back.
 */
export function wakingAlarm(clock: Clock, ms: number, ring: () => void): () => void {
  let cancel = () => {}
  const wait = () => {
    const due = clock.now().getTime() + ms
    cancel = clock.alarm(ms, () => {
      if (clock.now().getTime() - due > sleptMs) wait()
      else ring()
    })
  }
  wait()
  return () => cancel()
}
