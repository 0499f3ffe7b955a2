/**
 * The clock of the machine. Code that needs the time or has to wait is given a clock. Web APIs alone, because functions
 * bundle it.
 */

export interface Clock {
  now(): Date
  /**
   * Resolves after `ms`, or at once when `signal` aborts; it never rejects. May come back early, so look at the time
   * again.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /**
   * Calls `ring` after `ms`, or earlier, so look at the time again. Answers with what takes the alarm back. A lighter
   * `sleep`, for hot paths.
   */
  alarm(ms: number, ring: () => void): () => void
}

/** Timers are counted in 32 bits; a longer one would fire at once. */
const longestTimerMs = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const finish = () => {
        cancel()
        signal?.removeEventListener('abort', finish)
        resolve()
      }
      const cancel = systemClock.alarm(ms, finish)
      signal?.addEventListener('abort', finish, { once: true })
    }),
  alarm(ms, ring) {
    const timer = setTimeout(ring, Math.min(Math.max(ms, 0), longestTimerMs))
    return () => clearTimeout(timer)
  },
}
