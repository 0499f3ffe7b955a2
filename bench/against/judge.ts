/**
 * Two builds, by pairs of measurements: for each figure the medians, the median of the pairs' ratios with its 90%
 * range, and a verdict.
 */
import { cpuRow, inAll } from '../harness/cpu.js'
import { medianOf } from '../harness/statistics.js'
import type { Unit } from '../workloads/workload.js'
import { rangeOfMedian, reachOf, type MedianRange } from './range.js'

export interface FigureValue {
  workload: string
  value: number
  unit: Unit
}

/** Each build's figures of one run of its own bench, the two made one right after the other. */
export interface Pair {
  old: readonly FigureValue[]
  new: readonly FigureValue[]
}

/** `no worse`: the 90% range of the ratio holds 1. `unknown`: there are too few pairs for a range. */
export type Verdict = 'better' | 'no worse' | 'worse' | 'unknown'

export interface Comparison {
  figure: string
  unit: Unit
  /** Medians. */
  old: number
  new: number
  /** Of new to old in each pair, the median. Undefined where the old figure is 0. */
  ratio: number | undefined
  range: MedianRange | undefined
  verdict: Verdict
  /** Whether it says when there are enough pairs, and how the workload is judged. */
  decides: boolean
}

const betterWhenMore: ReadonlySet<Unit> = new Set(['jobs/s', 'attempts/s', 'calls/s', 'inserts/s', 'ratio'])

export function verdictOf(range: MedianRange | undefined, unit: Unit): Verdict {
  if (range === undefined) return 'unknown'
  const { low, high } = range
  if (low <= 1 && high >= 1) return 'no worse'
  return low > 1 === betterWhenMore.has(unit) ? 'better' : 'worse'
}

/**
 * What both builds say of a workload. Where both count the processor, its time for a job in all decides, since rates of
 * one build range far more than it does; else every figure does.
 */
export function compare(workload: string, pairs: readonly Pair[]): Comparison[] {
  const summed = pairs.map((pair) => withSum(workload, pair))
  const common = (summed[0]?.old ?? []).filter(({ workload: figure }) =>
    summed.every((pair) => has(pair.old, figure) && has(pair.new, figure)),
  )
  const sum = common.find(({ workload: figure }) => figure.startsWith(cpuRow(workload, inAll)))?.workload
  return common.map(({ workload: figure, unit }) => {
    const old = summed.map((pair) => valueOf(pair.old, figure))
    const now = summed.map((pair) => valueOf(pair.new, figure))
    const ratios = now.map((value, index) => value / old[index]!)
    const known = ratios.every((ratio) => Number.isFinite(ratio))
    const range = known ? rangeOfMedian(ratios) : undefined
    return {
      figure,
      unit,
      old: medianOf(old),
      new: medianOf(now),
      ratio: known ? medianOf(ratios) : undefined,
      range,
      verdict: verdictOf(range, unit),
      decides: sum === undefined || figure === sum,
    }
  })
}

/**
 * A bench that counts some processes only has no sum; then both builds are summed over the processes that both count,
 * and the figure says which. Where both have a sum it stands as it is: a process that only one of the builds has costs
 * what it costs.
 */
function withSum(workload: string, pair: Pair): Pair {
  const sum = cpuRow(workload, inAll)
  if (has(pair.old, sum) && has(pair.new, sum)) return pair
  const prefix = cpuRow(workload, '')
  const processes = pair.old
    .filter(({ workload: figure, unit }) => unit === 'µs/job' && figure.startsWith(prefix) && figure !== sum)
    .map(({ workload: figure }) => figure)
    .filter((figure) => has(pair.new, figure))
  if (processes.length === 0) return pair
  const name = `${sum} of ${processes.map((figure) => figure.slice(prefix.length)).join(', ')}`
  const add = (figures: readonly FigureValue[]): FigureValue[] => [
    ...figures.filter(({ workload: figure }) => figure !== sum),
    { workload: name, unit: 'µs/job', value: processes.reduce((all, each) => all + valueOf(figures, each), 0) },
  ]
  return { old: add(pair.old), new: add(pair.new) }
}

const has = (figures: readonly FigureValue[], name: string): boolean =>
  figures.some(({ workload }) => workload === name)

const valueOf = (figures: readonly FigureValue[], name: string): number =>
  figures.find(({ workload }) => workload === name)?.value ?? Number.NaN

/** The 90% range of what decides reaches no further than this from its median. */
export const reachWanted = 0.03

/** With as many of each order, because what runs second finds a machine that the first has left behind. */
export const leastPairs = 6

export const isKnown = ({ ratio, range }: Comparison): boolean =>
  ratio !== undefined && range !== undefined && reachOf(ratio, range) <= reachWanted

/**
 * Whether the pairs are enough: at least six, an even number, and what decides known well enough. (Looking after every
 * second pair whether it is makes the range a little narrower than 90%, because it may stop at a lucky moment.)
 */
export function areEnough(pairs: number, comparisons: readonly Comparison[]): boolean {
  const deciding = comparisons.filter(({ decides }) => decides)
  return pairs >= leastPairs && pairs % 2 === 0 && deciding.length > 0 && deciding.every(isKnown)
}
