/** Automatic heartbeats: while `run` goes on, the deadline passes only where the function is dead or cut off from the coordinator. */
import type { Clock } from '../core/clock.js'

/** Two heartbeats in a row may be lost. */
export const beatsPerTimeout = 3

/** One heartbeat after the other, each some time after the last was answered, until one fails: then the attempt is over, or as good as. Answers with what stops it. */
export function keepAlive(clock: Clock, everyMs: number, heartbeat: () => Promise<void>): () => void {
  let stopped = false
  let cancel = () => {}
  const plan = () => {
    if (stopped) return
    cancel = clock.alarm(everyMs, () => {
      heartbeat().then(plan, () => {})
    })
  }
  plan()
  return () => {
    stopped = true
    cancel()
  }
}
