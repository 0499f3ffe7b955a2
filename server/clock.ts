/** The only place that reads the time, waits, or rolls dice. Everything else is given a clock. */

export interface Clock {
  /** The database's time, so that coordinators whose own clocks differ agree on what is due. */
  now(): Date
  /** Resolves after `ms`, or at once when `signal` aborts; it never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Node counts a timer in 32 bits; a longer one would fire at once. */
const longestTimerMs = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted || ms <= 0) return resolve()
      const finish = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', finish)
        resolve()
      }
      const timer = setTimeout(finish, Math.min(ms, longestTimerMs))
      signal?.addEventListener('abort', finish, { once: true })
    }),
}

export interface DatabaseClock extends Clock {
  /** Measures the offset to the database's clock anew. */
  sync(): Promise<void>
}

/** A clock that runs with the machine's, set to the database's time by the middle of the quickest of three round trips. */
export function databaseClock(readDatabaseTime: () => Promise<Date>, machine: Clock = systemClock): DatabaseClock {
  let offsetMs = 0
  return {
    now: () => new Date(machine.now().getTime() + offsetMs),
    sleep: (ms, signal) => machine.sleep(ms, signal),
    async sync() {
      let quickest = Number.POSITIVE_INFINITY
      for (let round = 0; round < 3; round++) {
        const asked = machine.now().getTime()
        const answer = (await readDatabaseTime()).getTime()
        const answered = machine.now().getTime()
        if (answered - asked >= quickest) continue
        quickest = answered - asked
        offsetMs = Math.round(answer - (asked + answered) / 2)
      }
    },
  }
}
