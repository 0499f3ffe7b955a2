/**
 * A workload measures one system once, and answers with the figures. Runs, medians and the order of systems are up to
 * run.ts.
 */
import type { Bench } from '../harness/bench.js'
import type { Purpose, Session, Settings, System } from '../systems/system.js'

export interface Figure {
  /** What the row is called: the workload, and where it has several figures, which: `W5 p99`. */
  workload: string
  value: number
  unit: Unit
  settings?: Settings
}

export type Unit =
  'jobs/s' | 'µs/job' | 'attempts/s' | 'ms' | 's' | 'ratio' | '%' | 'MB' | 'operations/s' | 'calls/s' | 'inserts/s'

export interface Scale {
  quick: boolean
  /** Jobs of a throughput figure for a system of that pace. */
  jobs: (pace: System['pace']) => number
  /** How many others there are beside the jobs that are measured. */
  others: number
  /** Sizes of the projects that codegen is measured with. */
  workers: readonly number[]
}

export interface Workload {
  name: string
  title: string
  /** The systems it measures; absent: all. */
  only?: readonly string[]
  measure: (system: System, bench: Bench, scale: Scale) => Promise<Figure[]>
}

/** A session of a system that ends with the measurement. */
export async function withSession<T>(
  system: System,
  bench: Bench,
  purpose: Purpose,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  await using session = await system.open(bench, purpose)
  return await use(session)
}

/** How many jobs pass through a system before so many are measured. */
export const warmUpOf = (count: number): number => Math.min(1_000, Math.ceil(count / 4))

/** Runs may take long on a busy machine; a lost job must not take forever. */
export const limitMs = 180_000
