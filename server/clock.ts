/** The coordinator's clock: the machine's, set to the database's time. */
import { systemClock, type Clock } from '../core/time/clock.js'

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
