/**
 * The loops of a coordinator that stays on: each step of a job's life gets its interval, jitter, error handling and a
 * clean stop.
 */
import { setMaxListeners } from 'node:events'
import { createAlarm } from '../../core/time/alarm.js'
import type { Deps } from '../deps.js'
import { isOutage } from '../store/outage.js'
import type { Step } from './steps.js'
import { longestPauseMs } from '../untilAnswered.js'

export interface Loops {
  /** Aborts the waits and resolves when no step is under way. */
  stop(): Promise<void>
}

export function startLoops(deps: Deps, steps: readonly Step[]): Loops {
  const stopped = new AbortController()
  // one listener for each loop that waits
  setMaxListeners(0, stopped.signal)
  const running = steps.map((step) => runLoop(deps, step, stopped.signal))
  return {
    async stop() {
      stopped.abort()
      await Promise.all(running)
    },
  }
}

const firstErrorPauseMs = 500

async function runLoop(deps: Deps, { name, everyMs, run, listen }: Step, stopped: AbortSignal): Promise<void> {
  const alarm = createAlarm()
  const stopListening = listen?.((at) => alarm.set(at))
  let failed = false
  // what could not be done while the database was away is due
  const stopWaking = deps.events.on('databaseBack', () => failed && alarm.set(deps.clock.now()))
  let errorPauseMs = firstErrorPauseMs
  while (!stopped.aborted) {
    const now = deps.clock.now().getTime()
    // a tenth of jitter, so that coordinators started together do not poll together
    let next = new Date(now + everyMs * (1 - deps.random() / 10))
    alarm.clear()
    try {
      const { due } = await run(stopped)
      if (due && due < next) next = due
      failed = false
      errorPauseMs = firstErrorPauseMs
    } catch (error) {
      failed = true
      // that the database is away has been said, once for all loops
      const level = isOutage(error) && deps.presence.isAway ? 'debug' : 'error'
      deps.log(level, `${name} failed; trying again`, { error, pauseMs: errorPauseMs })
      next = new Date(now + errorPauseMs)
      errorPauseMs = Math.min(errorPauseMs * 2, longestPauseMs)
    }
    await alarm.wait(deps.clock, next, stopped)
  }
  stopListening?.()
  stopWaking()
}
