/** Waits for a moment, or an earlier one that is set meanwhile. */
import type { Clock } from './clock.js'

export interface Alarm {
  /** Forgets what was set. */
  clear(): void
  /** The waiter goes on at this moment, if that is earlier. */
  set(at: Date): void
  wait(clock: Clock, until: Date, stopped: AbortSignal): Promise<void>
}

export function createAlarm(): Alarm {
  let earliest: Date | undefined
  let ring: (() => void) | undefined
  return {
    clear() {
      earliest = undefined
    },
    set(at) {
      if (earliest && earliest <= at) return
      earliest = at
      ring?.()
    },
    async wait(clock, until, stopped) {
      while (!stopped.aborted) {
        const at = earliest && earliest < until ? earliest : until
        const waitMs = at.getTime() - clock.now().getTime()
        if (waitMs <= 0) return
        const rung = new AbortController()
        const end = () => rung.abort()
        ring = end
        stopped.addEventListener('abort', end, { once: true })
        await clock.sleep(waitMs, rung.signal)
        stopped.removeEventListener('abort', end)
        ring = undefined
      }
    },
  }
}
