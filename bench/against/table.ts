/** The answer of a comparison, for a terminal. */
import { alignedLines } from '../report.js'
import type { Answer, WorkloadAnswer } from './against.js'
import { leastPairs, reachWanted, type Comparison } from './judge.js'
import { reachOf } from './range.js'
import { figureText, percentText, ratioText } from './text.js'

export function tableOfAnswer({ old, new: now, workloads }: Answer): string {
  const header = ['figure', `old (${old})`, `new (${now})`, 'unit', 'ratio', '90% range', 'known to', 'verdict']
  const rows = workloads.flatMap(({ comparisons }) => comparisons.map(cellsOf))
  return [
    ...alignedLines([header, ...rows]),
    '',
    'Ratios are new to old, the median of the pairs. * decides how the workload is judged: "no worse" means that its 90% range holds 1.',
    ...workloads.flatMap(notesOf),
  ].join('\n')
}

const cellsOf = ({ figure, unit, old, new: now, ratio, range, verdict, decides }: Comparison): string[] => [
  decides ? `${figure} *` : figure,
  figureText(old),
  figureText(now),
  unit,
  ratioText(ratio),
  range === undefined ? '-' : `${ratioText(range.low)} to ${ratioText(range.high)}`,
  ratio === undefined || range === undefined ? '-' : percentText(reachOf(ratio, range)),
  verdict,
]

function notesOf({ workload, pairs, known, alone, failures }: WorkloadAnswer): string[] {
  const counted = `${pairs.length} ${pairs.length === 1 ? 'pair' : 'pairs'}`
  const outcome =
    pairs.length < leastPairs
      ? `fewer than the ${leastPairs} that a verdict takes`
      : `${known ? '' : 'not '}known to ${percentText(reachWanted)}`
  return [
    `${workload}: ${counted}, ${outcome}.`,
    ...(alone.length > 0
      ? [`${workload}: not compared, because one of the builds does not say it: ${alone.join('; ')}.`]
      : []),
    ...failures.map((failure) => `${workload} failed: ${failure}`),
  ]
}

/** Also where a workload could not be measured: nobody knows then. */
export const isWorse = ({ workloads }: Answer): boolean =>
  workloads.some(
    ({ comparisons, failures }) =>
      failures.length > 0 || comparisons.some(({ decides, verdict }) => decides && verdict === 'worse'),
  )
