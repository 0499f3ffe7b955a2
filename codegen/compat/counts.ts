/** Counts what does not fit, so that a million jobs make a short list. */
import type { Incompatibility } from './incompatibilities.js'

export interface CompatProblem {
  worker: string
  /** The schedule whose args these are; absent where the problem is that of jobs. */
  schedule?: string
  /**
   * zod's code of the issue, `missing` for a field that is not there, or `unknown_worker`, `version_ahead`,
   * `migrate_threw`, `bad_key` and the like.
   */
  code: string
  /** Where in the args: `lines[].price`; `''` where they are meant as a whole. */
  path: string
  /** How many jobs, or 1 for a schedule. */
  count: number
  /** The problem and its place, as a sentence without a full stop. Holds no value of the args. */
  message: string
  /** Some of the jobs. */
  jobs: string[]
}

/** Who has the args: a job, or a schedule. */
export interface Holder {
  worker: string
  job?: string
  schedule?: string
}

const maxExamples = 3
/** A worker whose schema gives each job another problem is told about in so many, and the rest as one. */
const maxProblems = 50

interface Entry extends Omit<CompatProblem, 'message'> {
  what: string
  why: string | undefined
}

export function openCounts() {
  const entries = new Map<string, Entry>()
  const perWorker = new Map<string, number>()
  const entryFor = ({ worker, schedule }: Holder, { code, path, what, why }: Incompatibility): Entry => {
    const key = JSON.stringify([worker, schedule, code, path, what])
    const known = entries.get(key)
    if (known) return known
    const entry = { worker, ...(schedule === undefined ? {} : { schedule }), code, path, count: 0, jobs: [], what, why }
    perWorker.set(worker, (perWorker.get(worker) ?? 0) + 1)
    entries.set(key, entry)
    return entry
  }
  return {
    add(holder: Holder, incompatibility: Incompatibility): void {
      const isFull = (perWorker.get(holder.worker) ?? 0) >= maxProblems
      const entry = entryFor(
        holder,
        isFull ? { code: 'custom', path: '', what: 'do not fit in other ways' } : incompatibility,
      )
      entry.count++
      // words that differ from job to job may have a job's args in them
      if (entry.why !== incompatibility.why) entry.why = undefined
      if (holder.job !== undefined && entry.jobs.length < maxExamples) entry.jobs.push(holder.job)
    },
    /** Most jobs first. */
    problems: (): CompatProblem[] => [...entries.values()].toSorted((a, b) => b.count - a.count).map(problemOf),
  }
}

function problemOf({ what, why, ...problem }: Entry): CompatProblem {
  const { worker, schedule, count } = problem
  const subject =
    schedule === undefined
      ? `${count} waiting job${count === 1 ? '' : 's'} of ${worker}`
      : `The args of schedule ${schedule} of ${worker}`
  // args are many
  const isOne = schedule === undefined && count === 1
  return { ...problem, message: `${subject} ${isOne ? singular(what) : what}${why === undefined ? '' : `: ${why}`}` }
}

/** `have no …` → `has no …`. */
const singular = (what: string): string => what.replace(/^\w+/, (verb) => verbs[verb] ?? verb)
const verbs: Readonly<Record<string, string>> = { have: 'has', do: 'does', make: 'makes', get: 'gets', need: 'needs' }
