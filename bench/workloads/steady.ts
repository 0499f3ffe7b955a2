/** W4: 64 callers enqueue while the workers run. */
import { cpuFigures, meterCpu } from '../harness/cpu.js'
import { perSecond, until, within } from '../harness/time.js'
import { limitMs, warmUpOf, withSession, type Workload } from './workload.js'

const callers = 64

export const steady: Workload = {
  name: 'W4',
  title: 'Enqueue and run at once, steady',
  measure: (system, bench, scale) =>
    withSession(system, bench, 'steady', async (session) => {
      const count = Math.min(scale.jobs(system.pace), system.maxSingle ?? Number.POSITIVE_INFINITY)
      const working = await session.start()
      const warmUp = warmUpOf(count)
      await session.single(warmUp, callers)
      await within(limitMs, 'the warm-up', working.handled(warmUp))
      await until('an empty store', session.isDrained)
      await working.clear()
      const cpuOf = meterCpu(session)
      const [enqueued, handled] = await within(
        limitMs,
        'W4',
        Promise.all([session.single(count, callers), working.handled(count)]),
      )
      const endedAt = await until('an empty store', session.isDrained)
      const cpuMs = cpuOf()
      if (handled.distinct !== count) throw new Error(`${handled.distinct} of ${count} jobs were handled`)
      await working.stop()
      await session.verify?.({ worker: 'noop', succeeded: warmUp + count, receipts: warmUp + count })
      const span = { startedAt: enqueued.startedAt, endedAt }
      const settings = { jobs: count, callers, ...session.settings }
      return [
        { workload: 'W4', value: perSecond(count, span), unit: 'jobs/s', settings },
        ...cpuFigures('W4', count, cpuMs),
      ]
    }),
}
