/** Enqueueing alone, with no worker running. */
import { cpuFigures, meterCpu } from '../harness/cpu.js'
import { chunkSize } from '../harness/producer.js'
import { perSecond, within } from '../harness/time.js'
import { limitMs, warmUpOf, withSession, type Workload } from './workload.js'

export const bulkEnqueue: Workload = {
  name: 'W1',
  title: 'Bulk enqueue',
  measure: (system, bench, scale) =>
    withSession(system, bench, 'enqueue', async (session) => {
      const count = scale.jobs('fast')
      await session.bulk(warmUpOf(count))
      const cpuOf = meterCpu(session)
      const span = await within(limitMs, 'W1', session.bulk(count))
      const cpuMs = cpuOf()
      const settings = { jobs: count, chunk: chunkSize, ...session.settings }
      return [
        { workload: 'W1', value: perSecond(count, span), unit: 'jobs/s', settings },
        ...cpuFigures('W1', count, cpuMs),
      ]
    }),
}

const callers = 64

export const singleEnqueue: Workload = {
  name: 'W2',
  title: 'Single enqueue, 64 callers',
  measure: (system, bench, scale) =>
    withSession(system, bench, 'enqueue', async (session) => {
      const count = Math.min(scale.jobs('fast'), system.maxSingle ?? Number.POSITIVE_INFINITY)
      await session.single(warmUpOf(count), callers)
      const cpuOf = meterCpu(session)
      const span = await within(limitMs, 'W2', session.single(count, callers))
      const cpuMs = cpuOf()
      const settings = { jobs: count, callers, ...session.settings }
      return [
        { workload: 'W2', value: perSecond(count, span), unit: 'jobs/s', settings },
        ...cpuFigures('W2', count, cpuMs),
      ]
    }),
}
