/** The clock of the machine. Whatever needs the time or has to wait is given a clock; only this file reads the time. Web APIs alone, because functions bundle it. */

export interface Clock {
  now(): Date
  /** Resolves after `ms`, or at once when `signal` aborts; it never rejects. May come back early, so look at the time again. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Timers are counted in 32 bits; a longer one would fire at once. */
const longestTimerMs = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const finish = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', finish)
        resolve()
      }
      const timer = setTimeout(finish, Math.min(Math.max(ms, 0), longestTimerMs))
      signal?.addEventListener('abort', finish, { once: true })
    }),
}
