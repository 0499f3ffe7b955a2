/**
 * Automatic heartbeats: while `run` goes on, the deadline passes only where the function is dead or cut off from the
 * coordinator.
 */
import type { Clock } from '../core/time/clock.js'

/** Two heartbeats in a row may be lost. */
export const beatsPerTimeout = 3

/**
 * One heartbeat after the other, each some time after the last one ended, for as long as they say that the attempt goes
 * on. Answers with what stops it.
 */
export function keepAlive(clock: Clock, everyMs: number, heartbeat: () => Promise<boolean>): () => void {
  let stopped = false
  let cancel = () => {}
  const beat = async () => {
    if (await heartbeat()) plan()
  }
  const plan = () => {
    if (stopped) return
    cancel = clock.alarm(everyMs, () => void beat())
  }
  plan()
  return () => {
    stopped = true
    cancel()
  }
}
