/** The coordinator's clock: the machine's, set to the database's time. */
import { systemClock, type Clock } from '../core/time/clock.js'
import type { Log } from './log.js'

export interface DatabaseClock extends Clock {
  /** Measures the offset to the database's clock anew. */
  sync(): Promise<void>
}

/**
 * A clock that runs with the machine's, set to the database's time by the middle of the quickest of three round trips.
 */
export function databaseClock(readDatabaseTime: () => Promise<Date>, machine: Clock = systemClock): DatabaseClock {
  let offsetMs = 0
  return {
    now: () => new Date(machine.now().getTime() + offsetMs),
    sleep: (ms, signal) => machine.sleep(ms, signal),
    alarm: (ms, ring) => machine.alarm(ms, ring),
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

/** Clocks drift by a few parts in a hundred thousand: some milliseconds in five minutes. */
const clockSyncMs = 5 * 60_000

interface ClockSyncOptions {
  /** One that is not set to the database's time, such as a test's, is left alone. */
  clock: Clock
  log: Log
  stayOn: boolean
  stopped: AbortSignal
}

export interface ClockSync {
  /** Measures the offset, and goes on to do so every few minutes where the coordinator stays on. */
  begin(): Promise<void>
  /** Measures it where that was not done for some minutes, once begun. For a coordinator that does not stay on. */
  lookAgain(): Promise<void>
}

export function createClockSync({ clock, log, stayOn, stopped }: ClockSyncOptions): ClockSync {
  const sync = 'sync' in clock ? () => (clock as DatabaseClock).sync() : undefined
  let syncedAt = 0

  const keepInSync = async (sync: () => Promise<void>) => {
    while (!stopped.aborted) {
      await clock.sleep(clockSyncMs, stopped)
      if (stopped.aborted) return
      await sync().catch((error: unknown) => log('warn', "could not read the database's clock", { error }))
    }
  }

  return {
    async begin() {
      if (!sync) return
      await sync()
      syncedAt = systemClock.now().getTime()
      if (stayOn) void keepInSync(sync)
    },
    async lookAgain() {
      const now = systemClock.now().getTime()
      if (!sync || now - syncedAt < clockSyncMs) return
      syncedAt = now
      await sync()
    },
  }
}
