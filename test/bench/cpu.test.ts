import { expect, it } from 'vitest'
import { cpuFigures, meterCpu } from '../../bench/harness/cpu.js'

it('says what a job takes of each process, and in all', () => {
  expect(cpuFigures('W2', 2_000, { client: 100, coordinator: 300, engine: 0 })).toEqual([
    { workload: 'W2 CPU, client', value: 50, unit: 'µs/job' },
    { workload: 'W2 CPU, coordinator', value: 150, unit: 'µs/job' },
    { workload: 'W2 CPU, engine', value: 0, unit: 'µs/job' },
    { workload: 'W2 CPU, in all', value: 200, unit: 'µs/job' },
  ])
})

it('measures processes that only enqueue beside those that serve', () => {
  const cpuOf = meterCpu({
    pids: () => ({ coordinator: [process.pid] }),
    enqueuers: () => ({ client: [process.pid] }),
  })
  expect(Object.keys(cpuOf())).toEqual(['client', 'coordinator'])
})
