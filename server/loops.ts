/**
 * The loops around a job's life. Each step is a function of its deps that a test, or a serverless host's cron trigger, can call by hand;
 * here they get an interval, jitter, error handling and a clean stop.
 */
import { setMaxListeners } from 'node:events'
import type { Deps } from './deps.js'
import type { Dispatcher } from './dispatcher.js'
import { sweepGroups } from './groups/sweep.js'
import { sweepPaused } from './pause.js'
import { purge } from './purge.js'
import { reap } from './reap.js'
import { recur } from './recur.js'
import { sweepBlocked } from './slots.js'
import { stage } from './stage.js'
import { watchCancelled } from './watchCancelled.js'
import { sweepBatches } from './together.js'

export interface Loops {
  /** Aborts the waits and resolves when no step is under way. */
  stop(): Promise<void>
}

interface Loop {
  name: string
  /** The longest pause between two runs. */
  everyMs: number
  /** Answers with when there is more to do, if that is known. */
  run: (signal: AbortSignal) => Promise<Date | undefined>
  /** Calls `wake` with a moment when there will be something to do. */
  listen?: (wake: (at: Date) => void) => () => void
}

/** Few enough for an idle coordinator to ask its database less than twice a second. */
const stepsOfLife = (deps: Deps, dispatcher: Dispatcher): Loop[] => [
  { name: 'watch for cancels', everyMs: 2_000, run: watchCancelled(deps, dispatcher) },
  {
    name: 'stage',
    everyMs: 2_000,
    run: () => stage(deps),
    listen: (wake) => deps.events.on('scheduled', wake),
  },
  { name: 'claim', everyMs: 2_000, run: () => dispatcher.pump().then(() => undefined) },
  { name: 'reap', everyMs: 5_000, run: () => reap(deps).then(() => undefined) },
  {
    name: 'recur',
    everyMs: 15_000,
    run: () => recur(deps),
    listen: (wake) => listenForTicks(deps, wake),
  },
  { name: 'purge', everyMs: 60_000, run: (signal) => purge(deps, signal).then(() => undefined) },
  { name: 'keys', everyMs: 60_000, run: () => deps.keys.writeUses().then(() => undefined) },
  { name: 'unblock', everyMs: 5_000, run: () => sweepBlocked(deps).then(() => undefined) },
  { name: 'finish batches', everyMs: 60_000, run: () => sweepBatches(deps).then(() => undefined) },
  { name: 'close groups', everyMs: 60_000, run: (signal) => sweepGroups(deps, signal).then(() => undefined) },
  { name: 'release', everyMs: 30_000, run: () => releaseHeld(deps) },
  {
    name: 'resume',
    everyMs: 10_000,
    run: (signal) => sweepPaused(deps, signal),
    listen: (wake) => deps.events.on('resumed', wake),
  },
]

/** Besides ticks, the end of a job that a schedule waits for. */
function listenForTicks({ events, clock }: Deps, wake: (at: Date) => void): () => void {
  const stopListening = [
    events.on('ticking', wake),
    events.on('finished', ({ scheduleId }) => scheduleId !== undefined && wake(clock.now())),
  ]
  return () => stopListening.forEach((stop) => stop())
}

/** Jobs that waited for their worker run when it is back. */
export async function releaseHeld(deps: Deps): Promise<undefined> {
  const released = await deps.store.jobs.release(deps.contracts.names)
  if (released > 0) {
    deps.log('info', 'jobs run that waited for their worker', { jobs: released })
    deps.events.emit('queued', undefined)
  }
}

export function startLoops(deps: Deps, dispatcher: Dispatcher): Loops {
  const stopped = new AbortController()
  // one listener for each loop that waits
  setMaxListeners(0, stopped.signal)
  const running = stepsOfLife(deps, dispatcher).map((loop) => runLoop(deps, loop, stopped.signal))
  return {
    async stop() {
      stopped.abort()
      await Promise.all(running)
    },
  }
}

const firstErrorPauseMs = 500
const longestErrorPauseMs = 30_000

async function runLoop(deps: Deps, { name, everyMs, run, listen }: Loop, stopped: AbortSignal): Promise<void> {
  const alarm = createAlarm()
  const stopListening = listen?.((at) => alarm.set(at))
  let errorPauseMs = firstErrorPauseMs
  while (!stopped.aborted) {
    const now = deps.clock.now().getTime()
    // a tenth of jitter, so that coordinators started together do not poll together
    let next = new Date(now + everyMs * (1 - deps.random() / 10))
    alarm.clear()
    try {
      const due = await run(stopped)
      if (due && due < next) next = due
      errorPauseMs = firstErrorPauseMs
    } catch (error) {
      deps.log('error', `${name} failed; trying again`, { error, pauseMs: errorPauseMs })
      next = new Date(now + errorPauseMs)
      errorPauseMs = Math.min(errorPauseMs * 2, longestErrorPauseMs)
    }
    await alarm.wait(deps, next, stopped)
  }
  stopListening?.()
}

/** Waits for a moment, or an earlier one that is set meanwhile. */
function createAlarm() {
  let earliest: Date | undefined
  let ring: (() => void) | undefined
  return {
    clear() {
      earliest = undefined
    },
    set(at: Date) {
      if (earliest && earliest <= at) return
      earliest = at
      ring?.()
    },
    async wait({ clock }: Pick<Deps, 'clock'>, until: Date, stopped: AbortSignal): Promise<void> {
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
