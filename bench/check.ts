/**
 * For CI: fails on a clear regression of a ratio between two things that were measured within the same run, never on an absolute time. The
 * floors are far below what a quiet machine shows, because CI's is not quiet; what they catch is a claim that scans the backlog, a write for
 * each job, a limit that costs a round trip for each key.
 */
import type { Bench } from './harness/bench.js'
import { summarise } from './harness/statistics.js'
import { numberText } from './report.js'
import { runAll, type Row } from './run.js'
import { errand } from './systems/errand.js'
import { raw } from './systems/raw.js'
import { httpDrain } from './workloads/drain.js'
import { keys } from './workloads/keys.js'
import { others } from './workloads/others.js'
import { rawHttp } from './workloads/rawHttp.js'
import type { Scale } from './workloads/workload.js'

interface Floor {
  what: string
  floor: number
  /** Of one run; the median of the runs must not be below the floor. */
  ratioOf: (of: Run) => number
}

/** The value of a figure in one run. */
type Run = (workload: string) => number

export const floors: Floor[] = [
  { what: 'W7 in raw HTTP round trips', floor: 0.1, ratioOf: (of) => of('W7') / of('raw') },
  { what: 'W6 beside others that wait', floor: 0.7, ratioOf: (of) => of('W6 waiting') },
  { what: 'W6 beside others that are scheduled', floor: 0.7, ratioOf: (of) => of('W6 scheduled') },
  { what: 'W6 beside others that are finished', floor: 0.7, ratioOf: (of) => of('W6 finished') },
  { what: 'W10 with 10,000 throttle keys', floor: 0.4, ratioOf: (of) => of('W10 throttle') },
  { what: 'W10 with 10,000 concurrency keys', floor: 0.4, ratioOf: (of) => of('W10 concurrency') },
]

/** Answers with the exit code. */
export async function check(bench: Bench, scale: Scale, runs: number): Promise<number> {
  const plan = { systems: [raw, errand], workloads: [rawHttp, httpDrain, others, keys], runs, scale }
  const { rows, failures } = await runAll(plan, bench)
  const ratios = floors.map(({ what, floor, ratioOf }) => {
    const ofRuns = Array.from({ length: runs }, (_, run) => ratioOf((name) => valueOf(rows, name, run)))
    return { what, floor, ratio: summarise(ofRuns).median }
  })
  for (const { what, floor, ratio } of ratios) {
    console.log(`${ratio >= floor ? 'ok    ' : 'FAILED'} ${what}: ${numberText(ratio)} (floor ${floor})`)
  }
  for (const { system, workload, message } of failures) console.log(`FAILED ${workload} ${system}: ${message}`)
  return failures.length === 0 && ratios.every(({ ratio, floor }) => ratio >= floor) ? 0 : 1
}

const valueOf = (rows: readonly Row[], name: string, run: number): number =>
  rows.find(({ workload }) => workload === name)?.values[run] ?? Number.NaN
