/**
 * Processor time: where the time of a job goes. Of the figures that a run gives it is the steadiest, because nobody
 * waits in it.
 */
import type { Session } from '../systems/system.js'
import type { Figure } from '../workloads/workload.js'
import { usageOf } from './machine.js'

/** Milliseconds by what a process does. */
export type CpuMs = Record<string, number>

/** What the sum of all processes of a workload is called. */
export const inAll = 'in all'

export const cpuRow = (workload: string, process: string): string => `${workload} CPU, ${process}`

/**
 * Begins to measure the processes of a session. The answer says what each has taken since, those that only enqueue
 * included.
 */
export function meterCpu(session: Pick<Session, 'pids' | 'enqueuers'>): () => CpuMs {
  const read = () =>
    Object.entries({ ...session.enqueuers(), ...session.pids() }).map(
      ([name, pids]) => [name, usageOf(pids).cpuMs] as const,
    )
  const before = new Map(read())
  return () => Object.fromEntries(read().map(([name, cpuMs]) => [name, cpuMs - (before.get(name) ?? 0)]))
}

/** For a job: of each process, and in all. The endpoint that peers call in W7 is not in it. */
export const cpuFigures = (workload: string, jobs: number, cpuMs: CpuMs): Figure[] => {
  const sum = Object.values(cpuMs).reduce((all, each) => all + each, 0)
  return Object.entries({ ...cpuMs, [inAll]: sum }).map(([process, ms]) => ({
    workload: cpuRow(workload, process),
    value: (ms * 1_000) / jobs,
    unit: 'µs/job',
  }))
}
