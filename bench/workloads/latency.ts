/** W5: how long a job waits that comes alone, from the enqueue call to the start of its handler. */
import { percentile } from '../harness/statistics.js'
import { sleep, within } from '../harness/time.js'
import { withSession, type Workload } from './workload.js'

/** The first jobs open connections. */
const warmUp = 5

export const latency: Workload = {
  name: 'W5',
  title: 'Idle latency, enqueue call to start of the handler',
  measure: (system, bench, { quick }) =>
    withSession(system, bench, 'latency', async (session) => {
      const samples = quick ? 40 : 200
      const working = await session.start()
      await sleep(800)
      const waits: number[] = []
      for (let i = 0; i < samples + warmUp; i++) {
        const both = Promise.all([session.one(i), working.startOf(i)])
        const [{ startedAt }, begun] = await within(60_000, 'one job', both)
        if (i >= warmUp) waits.push(begun - startedAt)
        await sleep(20 + Math.random() * 40)
      }
      await working.stop()
      const settings = { samples, ...session.settings }
      return [50, 95, 99].map((part) => ({
        workload: `W5 p${part}`,
        value: percentile(waits, part / 100),
        unit: 'ms' as const,
        settings,
      }))
    }),
}
