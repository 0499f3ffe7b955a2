/**
 * For CI: fails on a clear regression of a ratio between two things that were measured within the same run, never on an
 * absolute time. The floors are far below what a quiet machine shows, because CI's is not quiet; what they catch is a
 * claim that scans the backlog, a write for each job, a limit that costs a round trip for each key.
 */
import type { Bench } from './harness/bench.js'
import { summarise } from './harness/statistics.js'
import { numberText } from './report.js'
import { runAll, type Failure, type Row } from './run.js'
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

const floors: Floor[] = [
  { what: 'W7 in raw HTTP round trips', floor: 0.1, ratioOf: (of) => of('W7') / of('raw') },
  { what: 'W6 beside others that wait', floor: 0.5, ratioOf: (of) => of('W6 waiting') },
  { what: 'W6 beside others that are scheduled', floor: 0.5, ratioOf: (of) => of('W6 scheduled') },
  { what: 'W6 beside others that are finished', floor: 0.5, ratioOf: (of) => of('W6 finished') },
  { what: 'W10 with 10,000 throttle keys', floor: 0.3, ratioOf: (of) => of('W10 throttle') },
  { what: 'W10 with 10,000 concurrency keys', floor: 0.3, ratioOf: (of) => of('W10 concurrency') },
]

interface Measured {
  /** In the order of `floors`. */
  ratios: number[]
  failures: Failure[]
}

/**
 * Answers with the exit code. A regression is clear where two rounds show it: what falls below its floor is measured
 * once more.
 */
export async function check(bench: Bench, scale: Scale, runs: number): Promise<number> {
  const first = await measure(bench, scale, runs)
  const second = isBelow(first) ? await measure(bench, scale, runs) : undefined
  const failures = (second ?? first).failures
  const ratios = first.ratios.map((ratio, index) => bestOf(ratio, second?.ratios[index]))
  for (const [index, { what, floor }] of floors.entries()) {
    const ratio = ratios[index]!
    console.log(`${ratio >= floor ? 'ok    ' : 'FAILED'} ${what}: ${numberText(ratio)} (floor ${floor})`)
  }
  for (const { system, workload, message } of failures) console.log(`FAILED ${workload} ${system}: ${message}`)
  return isBelow({ ratios, failures }) ? 1 : 0
}

/** A ratio that could not be measured is below every floor. */
const isBelow = ({ ratios, failures }: Measured): boolean =>
  failures.length > 0 || !floors.every(({ floor }, index) => ratios[index]! >= floor)

const bestOf = (first: number, second = Number.NaN): number =>
  first >= second || Number.isNaN(second) ? first : second

async function measure(bench: Bench, scale: Scale, runs: number): Promise<Measured> {
  const plan = { systems: [raw, errand], workloads: [rawHttp, httpDrain, others, keys], runs, scale }
  const { rows, failures } = await runAll(plan, bench)
  const ratios = floors.map(({ ratioOf }) => {
    const ofRuns = Array.from({ length: runs }, (_, run) => ratioOf((name) => valueOf(rows, name, run)))
    return summarise(ofRuns).median
  })
  return { ratios, failures }
}

const valueOf = (rows: readonly Row[], name: string, run: number): number =>
  rows.find(({ workload }) => workload === name)?.values[run] ?? Number.NaN
