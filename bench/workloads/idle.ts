/** W8: what a system costs that has nothing to do. */
import { usageOf } from '../harness/machine.js'
import { sleep } from '../harness/time.js'
import { withSession, type Figure, type Workload } from './workload.js'

/** Connections and caches settle first. */
const settleMs = 3_000

export const idle: Workload = {
  name: 'W8',
  title: 'Idle cost',
  measure: (system, bench, { quick }) =>
    withSession(system, bench, 'idle', async (session) => {
      const seconds = quick ? 5 : 30
      const working = await session.start()
      await sleep(settleMs)
      const processes = Object.entries(session.pids())
      const before = processes.map(([, pids]) => usageOf(pids))
      const operationsBefore = await session.operations?.()
      await sleep(seconds * 1_000)
      const operations = (await session.operations?.()) ?? 0
      const after = processes.map(([, pids]) => usageOf(pids))
      await working.stop()

      const settings = { seconds, ...session.settings }
      const figures = processes.flatMap(([name], index): Figure[] => [
        {
          workload: `W8 CPU, ${name}`,
          value: (after[index]!.cpuMs - before[index]!.cpuMs) / seconds / 10,
          unit: '%',
          settings,
        },
        { workload: `W8 memory, ${name}`, value: after[index]!.rssMb, unit: 'MB', settings },
      ])
      if (operationsBefore === undefined) return figures
      // the two questions for the counters are ours
      const value = Math.max(0, operations - operationsBefore - 1) / seconds
      return [...figures, { workload: 'W8 operations', value, unit: 'operations/s', settings }]
    }),
}
