/**
 * `--against <commit>`: is this build slower than that one? Both run their own bench for the same workload one right
 * after the other, as a pair, because what a machine gives changes more in an hour than builds differ; each is first in
 * every second pair.
 */
import { now } from '../harness/time.js'
import { openBuilds, type Build, type Builds } from './builds.js'
import { areEnough, compare, isKnown, type Comparison, type FigureValue, type Pair } from './judge.js'
import { measure } from './measure.js'
import { figureText, ratioText } from './text.js'

export interface Question {
  commit: string
  workloads: readonly string[]
  /** At most so many of each workload. */
  pairs: number
  /** No pair is begun after so long. Default: no limit. */
  minutes: number | undefined
  /** Given to both builds' benches. */
  options: readonly string[]
}

export interface Answer {
  old: string
  new: string
  workloads: WorkloadAnswer[]
  /** Why it ended before it was done, with the pairs that it had by then. */
  interrupted?: string
}

export interface WorkloadAnswer {
  workload: string
  pairs: Pair[]
  comparisons: Comparison[]
  /** Figures that only one of the builds gives. */
  alone: string[]
  /** What decides is known as well as is wanted. */
  known: boolean
  failures: string[]
}

/** A workload is given up after so many pairs in which a build could not be measured. */
const failuresAllowed = 3

/**
 * The signal interrupts it: it answers with the pairs that it has by then, and rejects where it has none. What it made
 * on the machine is gone when this has answered, whichever way.
 */
export async function askAgainst(
  question: Question,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<Answer> {
  const { commit, minutes = Number.POSITIVE_INFINITY, options } = question
  await using builds = await openBuilds(commit, log, signal)
  const timeIsUp = now() + minutes * 60_000
  const answers = question.workloads.map((workload) => ({ workload, pairs: [] as Pair[], failures: [] as string[] }))
  let open = answers
  // in turn, so that a limit of time is shared by all workloads
  for (let turn = 0; turn < question.pairs && open.length > 0 && !signal.aborted; turn++) {
    for (const answer of open) {
      if (now() > timeIsUp || signal.aborted) break
      const { workload, pairs, failures } = answer
      try {
        const figuresOf = (build: Build) => measure(build, workload, options, signal)
        const pair = await measurePair(builds, figuresOf, pairs.length % 2 === 0)
        pairs.push(pair)
        log(`${workload}, pair ${pairs.length} of at most ${question.pairs}: ${decidingText(workload, pair)}`)
      } catch (error) {
        if (signal.aborted && answers.some((each) => each.pairs.length > 0)) break
        signal.throwIfAborted()
        failures.push((error as Error).message)
        log(`${workload}: ${failures.at(-1)}`)
      }
    }
    open = open.filter((answer) => now() <= timeIsUp && goesOn(answer))
  }
  const interrupted = signal.aborted ? { interrupted: (signal.reason as Error).message } : {}
  return { old: builds.old.name, new: builds.new.name, workloads: answers.map(conclude), ...interrupted }
}

async function measurePair(
  builds: Builds,
  figuresOf: (build: Build) => Promise<FigureValue[]>,
  oldFirst: boolean,
): Promise<Pair> {
  if (oldFirst) return { old: await figuresOf(builds.old), new: await figuresOf(builds.new) }
  const figures = await figuresOf(builds.new)
  return { old: await figuresOf(builds.old), new: figures }
}

type Measured = Pick<WorkloadAnswer, 'workload' | 'pairs' | 'failures'>

const goesOn = ({ workload, pairs, failures }: Measured): boolean =>
  failures.length < failuresAllowed && !areEnough(pairs.length, compare(workload, pairs))

function conclude(measured: Measured): WorkloadAnswer {
  const { workload, pairs } = measured
  const comparisons = compare(workload, pairs)
  const deciding = comparisons.filter(({ decides }) => decides)
  return {
    ...measured,
    comparisons,
    alone: aloneIn(pairs),
    known: deciding.length > 0 && deciding.every(isKnown),
  }
}

function aloneIn(pairs: readonly Pair[]): string[] {
  const namesOf = (figures: readonly FigureValue[]) => new Set(figures.map(({ workload }) => workload))
  const old = namesOf(pairs.flatMap((pair) => pair.old))
  const now = namesOf(pairs.flatMap((pair) => pair.new))
  return [...new Set([...old, ...now])].filter((name) => !(old.has(name) && now.has(name)))
}

/** For whoever watches. */
const decidingText = (workload: string, pair: Pair): string =>
  compare(workload, [pair])
    .filter(({ decides }) => decides)
    .map(
      ({ figure, old, new: now, unit, ratio }) =>
        `${figure} ${figureText(old)} → ${figureText(now)} ${unit}, ratio ${ratioText(ratio)}`,
    )
    .join('; ')
