/** A backlog, then the workers: how fast it is worked off. */
import { perSecond, sleep, until, within, type Span } from '../harness/time.js'
import type { Load } from '../harness/producer.js'
import { cpuFigures, meterCpu, type CpuMs } from '../harness/cpu.js'
import type { Session, WorkOptions } from '../systems/system.js'
import { limitMs, warmUpOf, withSession, type Workload } from './workload.js'

export interface Drained {
  span: Span
  /** What each kind of process took meanwhile. */
  cpuMs: CpuMs
}

interface DrainOptions {
  load?: Load
  work?: WorkOptions
  /** How often a handler is called for each job. */
  timesEach?: number
}

/**
 * Enqueues so many jobs, starts the workers, and waits until the store shows that none is left. A smaller drain goes
 * before, which is not measured: processes that serve are warm, whoever's they are. Throws unless each job was handled
 * `timesEach` times, so that a wrong run is not a figure.
 */
export async function drain(session: Session, count: number, options: DrainOptions = {}): Promise<Drained> {
  const { load, timesEach = 1 } = options
  const warmUp = warmUpOf(count)
  await drainOnce(session, warmUp, options)
  const drained = await drainOnce(session, count, options)
  const all = warmUp + count
  await session.verify?.({ worker: load?.worker ?? 'noop', succeeded: all, receipts: all * timesEach })
  return drained
}

/** What an enqueue leaves behind (a flush, a checkpoint) is not part of the drain. */
const settleMs = 200

async function drainOnce(
  session: Session,
  count: number,
  { load, work, timesEach = 1 }: DrainOptions,
): Promise<Drained> {
  await session.bulk(count, load)
  await sleep(settleMs)
  const cpuOf = meterCpu(session)
  const working = await session.start(work)
  await within(limitMs, 'the drain', working.handled(count * timesEach))
  const endedAt = await until('an empty store', session.isDrained)
  const cpuMs = cpuOf()
  const handled = await working.handled(0)
  await working.stop()
  await working.clear()
  if (handled.count !== count * timesEach || handled.distinct !== count) {
    throw new Error(
      `${handled.count} calls for ${handled.distinct} jobs, where ${count} jobs need ${count * timesEach}`,
    )
  }
  return { span: { startedAt: working.startedAt, endedAt }, cpuMs }
}

/** W3: the handler does nothing. (Errand calls it over HTTP all the same.) */
export const backlogDrain = drainWorkload('W3', 'Drain of a backlog, no-op handler', 'drain')

/** W7: the handler makes one HTTP call to another process; for Errand that call is the dispatch itself. */
export const httpDrain = drainWorkload('W7', 'Drain of a backlog, one HTTP call for each job', 'http')

/** W7 for a worker whose calls carry several jobs. */
export const batchDrain: Workload = {
  ...drainWorkload('W7-batch', 'W7 with up to 50 jobs in one call', 'http', { worker: 'batched' }),
  only: ['errand'],
}

function drainWorkload(name: string, title: string, purpose: 'drain' | 'http', load?: Load): Workload {
  return {
    name,
    title,
    measure: (system, bench, scale) =>
      withSession(system, bench, purpose, async (session) => {
        const count = scale.jobs(system.pace)
        const { span, cpuMs } = await drain(session, count, load ? { load } : {})
        const settings = { jobs: count, ...session.settings }
        return [
          { workload: name, value: perSecond(count, span), unit: 'jobs/s', settings },
          ...cpuFigures(name, count, cpuMs),
        ]
      }),
  }
}
