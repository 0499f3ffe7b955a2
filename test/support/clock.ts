/** A clock that stands still until a test moves it. */
import type { Clock } from '../../core/time/clock.js'
import { durationMs, type Duration } from '../../core/time/duration.js'

export interface ManualClock extends Clock {
  /** Moves the time on; sleepers whose time has come wake in the order of their times. */
  advance(by: Duration): Promise<void>
  set(to: Date): void
  /** Resolves once somebody sleeps until `at` or longer. */
  sleeping(): number
}

export function manualClock(start = new Date('2030-01-01T00:00:00Z')): ManualClock {
  let now = start.getTime()
  const sleepers = new Set<{ at: number; wake: () => void }>()
  return {
    now: () => new Date(now),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (ms <= 0 || signal?.aborted) return resolve()
        const wake = () => {
          sleepers.delete(sleeper)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        const sleeper = { at: now + ms, wake }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', wake, { once: true })
      }),
    alarm(ms, ring) {
      const sleeper = {
        at: now + ms,
        wake: () => {
          sleepers.delete(sleeper)
          ring()
        },
      }
      sleepers.add(sleeper)
      return () => void sleepers.delete(sleeper)
    },
    async advance(by) {
      now += durationMs(by)
      const due = [...sleepers].filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at)
      for (const { wake } of due) wake()
      // whoever woke gets its turn before the test goes on
      await new Promise((resolve) => setImmediate(resolve))
    },
    set(to) {
      now = to.getTime()
    },
    sleeping: () => sleepers.size,
  }
}
