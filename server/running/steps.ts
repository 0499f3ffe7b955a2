/**
 * The steps around a job's life, in their order. Each is a function of its deps that a test can call by hand; loops
 * (loops.ts) give each one an interval of its own, and `runOnce` makes them one after the other.
 */
import type { TickCounts } from '../../core/views/tick.js'
import type { Deps } from '../deps.js'
import type { Dispatcher } from '../jobs/dispatcher.js'
import { sweepGroups } from '../groups/sweep.js'
import { sweepPaused } from '../flowControl/pause.js'
import { purge } from '../jobs/purge.js'
import { reap, reapPageSize } from '../jobs/reap.js'
import { recur } from '../schedules/recur.js'
import { releaseHeld } from '../jobs/releaseHeld.js'
import { sweepBlocked } from '../flowControl/slots.js'
import { stage } from '../jobs/stage.js'
import { sweepAtomicRequests } from '../jobs/atomic.js'
import { watchCancelled } from '../jobs/watchCancelled.js'

export interface Step {
  name: string
  /** The longest pause between two runs. */
  everyMs: number
  run: (signal: AbortSignal) => Promise<Done>
  /** Whether a run that was cut short has done a part for good, so that the next one goes on with the rest. */
  inParts?: true
  /** Calls `wake` with a moment when there will be something to do. */
  listen?: (wake: (at: Date) => void) => () => void
}

interface Done {
  /** When there is more to do, if that is known. */
  due?: Date | undefined
  /** The counts that a tick tells. */
  did?: Partial<TickCounts>
}

/** How long a coordinator may work by a deployment that is live no more. */
export const deploymentFreshMs = 5_000

/** Few enough for an idle coordinator to ask its database less than twice a second. */
export const stepsOfLife = (deps: Deps, dispatcher: Dispatcher): Step[] => [
  { name: 'deployment', everyMs: deploymentFreshMs, run: silent(() => deps.liveDeployment.look()) },
  { name: 'watch for cancels', everyMs: 2_000, run: silent(watchCancelled(deps, dispatcher)) },
  {
    name: 'stage',
    everyMs: 2_000,
    inParts: true,
    run: async (signal) => {
      const { staged, due } = await stage(deps, signal)
      return { due, did: { staged } }
    },
    listen: (wake) => deps.events.on('scheduled', wake),
  },
  {
    name: 'recur',
    everyMs: 15_000,
    inParts: true,
    run: async (signal) => {
      const { fired, due } = await recur(deps, signal)
      return { due, did: { fired } }
    },
    listen: (wake) => listenForSchedules(deps, wake),
  },
  {
    name: 'reap',
    everyMs: 5_000,
    run: async () => {
      const reaped = (await reap(deps, () => dispatcher.calls())).length
      return { due: reaped < reapPageSize ? undefined : deps.clock.now(), did: { reaped } }
    },
  },
  {
    name: 'unblock',
    everyMs: 15_000,
    run: async () => ({ due: await sweepBlocked(deps) }),
    listen: (wake) => deps.events.on('slotExpires', wake),
  },
  { name: 'release', everyMs: 30_000, run: silent(() => releaseHeld(deps)) },
  {
    name: 'resume',
    everyMs: 30_000,
    run: silent((signal) => sweepPaused(deps, signal)),
    listen: (wake) => deps.events.on('resumed', wake),
  },
  {
    name: 'probe',
    everyMs: 30_000,
    run: async () => ({ due: await deps.circuitBreakers.probe() }),
    listen: (wake) => deps.events.on('broken', wake),
  },
  { name: 'finish atomic requests', everyMs: 60_000, run: silent(() => sweepAtomicRequests(deps)) },
  { name: 'close groups', everyMs: 60_000, run: silent((signal) => sweepGroups(deps, signal)) },
  { name: 'claim', everyMs: 2_000, run: silent(() => dispatcher.pump()) },
  {
    name: 'purge',
    everyMs: 60_000,
    inParts: true,
    run: async (signal) => ({ did: { purged: await purge(deps, signal) } }),
  },
  { name: 'keys', everyMs: 60_000, run: silent(() => deps.keyRing.writeUses()) },
]

const silent =
  (step: (signal: AbortSignal) => Promise<unknown>): Step['run'] =>
  async (signal) => {
    await step(signal)
    return {}
  }

/** Besides occurrences, the end of a job that a schedule waits for. */
function listenForSchedules({ events, clock }: Deps, wake: (at: Date) => void): () => void {
  const stopListening = [
    events.on('scheduleDue', wake),
    events.on('finished', ({ scheduleId }) => scheduleId !== undefined && wake(clock.now())),
  ]
  return () => stopListening.forEach((stop) => stop())
}
