/** What is no promise and yet worth knowing: how often work ran twice, how long recovery took, memory, log lines. */
import { isFinal } from '../../core/states.js'
import type { Evidence } from './check/evidence.js'
import { receiptsOf } from './check/jobs.js'

interface FaultFigure {
  fault: string
  times: number
  /** Milliseconds from the end of the fault until a new job was acknowledged and run. */
  medianMs: number
  worstMs: number
}

export interface Figures {
  jobs: number
  byState: Record<string, number>
  runs: number
  /** Runs that returned although another run of the job had, or was to. */
  duplicates: number
  /** Runs that began when their job was final. */
  afterTheEnd: number
  /**
   * Attempts that are recorded as timed out though their function had answered a second before the deadline or more.
   */
  answeredInVain: number
  /** Jobs that failed for good though their functions were never told to. */
  failedByFaults: number
  faults: FaultFigure[]
  faultCount: number
  rssMaxMb: number
  /** Log lines of the coordinators by level. */
  lines: Record<string, number>
  /** The most frequent ones. */
  messages: [string, number][]
  /** Answers with a 5xx that is no 503. */
  faultyAnswers: Record<string, number>
  /** Processes that ended although nobody ended them, after they were ready. */
  endedAlone: string[]
  settleMs: number
}

interface Lines {
  levels: Map<string, number>
  messages: Map<string, number>
}

export function figuresOf(evidence: Evidence, lines: Lines): Figures {
  const { jobs, runs, records, settled } = evidence
  const all = [...jobs.values()]
  return {
    jobs: all.length,
    byState: countBy(all, ({ state }) => state),
    runs: runs.length,
    duplicates: all.reduce((sum, { _id }) => sum + Math.max(0, returnedOf(evidence, _id) - 1), 0),
    afterTheEnd: runs.filter(({ job, startedAt }) => {
      const { state, finishedAt } = jobs.get(job) ?? {}
      return state !== undefined && isFinal(state) && finishedAt!.getTime() < startedAt
    }).length,
    answeredInVain: all.reduce((sum, { _id }) => sum + answeredInVain(evidence, _id), 0),
    failedByFaults: all.filter(({ state, args }) => state === 'failed' && !/"how":"(fail|fatal|never|deaf)"/.test(args))
      .length,
    faults: faultFigures(evidence),
    faultCount: records.filter(({ kind }) => kind === 'fault').length,
    rssMaxMb: Math.max(0, ...records.flatMap((record) => (record.kind === 'memory' ? [record.rssMb] : []))),
    lines: Object.fromEntries([...lines.levels].toSorted(([a], [b]) => a.localeCompare(b))),
    messages: [...lines.messages].toSorted(([, a], [, b]) => b - a).slice(0, 12),
    faultyAnswers: countBy(
      records.flatMap((record) => (record.kind === 'answered5xx' ? [record] : [])),
      ({ status, code, what }) => `${status} ${code} ${what}`,
    ),
    endedAlone: records.flatMap((record) =>
      record.kind === 'gone' && record.wanted && record.wasReady
        ? [`${record.id} (${record.signal ?? `exit code ${record.code}`})`]
        : [],
    ),
    settleMs: settled.tookMs,
  }
}

const returnedOf = ({ runsOf }: Evidence, id: string): number =>
  (runsOf.get(id) ?? []).filter(({ how }) => how === 'returned').length

function answeredInVain(evidence: Evidence, id: string): number {
  const job = evidence.jobs.get(id)!
  const timedOut = receiptsOf(evidence, job).filter(
    ({ by, error }) => by === 'coordinator' && error?.code === 'TIMEOUT',
  )
  return timedOut.filter(({ attempt }) =>
    (evidence.runsOf.get(id) ?? []).some(
      (run) => run.attempt === attempt && run.how === 'returned' && run.endedAt! < run.deadline - 1_000,
    ),
  ).length
}

function faultFigures({ records }: Evidence): FaultFigure[] {
  const times = new Map<string, number[]>()
  for (const record of records) {
    if (record.kind !== 'recovered') continue
    times.set(record.fault, [...(times.get(record.fault) ?? []), record.ms ?? Infinity])
  }
  return [...times]
    .map(([fault, ms]) => {
      const inOrder = ms.toSorted((a, b) => a - b)
      return { fault, times: ms.length, medianMs: inOrder[(ms.length - 1) >> 1]!, worstMs: inOrder.at(-1)! }
    })
    .toSorted((a, b) => a.fault.localeCompare(b.fault))
}

function countBy<Item>(items: readonly Item[], nameOf: (item: Item) => string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const item of items) counts[nameOf(item)] = (counts[nameOf(item)] ?? 0) + 1
  return counts
}
