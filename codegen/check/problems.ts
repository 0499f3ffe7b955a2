/**
 * Problems of modules in jobs/: collected over the whole run, thrown once, so that people mend everything in one go.
 */
import { ErrandError } from '../../core/errors.js'

export interface Problem {
  /** Relative to the project's root, with `/`. */
  file: string
  /** Counts from 1. */
  line: number
  /** Counts from 1, in UTF-16 units, as editors count. */
  column: number
  /** One sentence or two: what is wrong, and what to do. */
  message: string
}

/** `BAD_WORKER` with every problem of a run. Nothing on disk was changed by that run. */
export class CodegenError extends ErrandError {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const sorted = sortProblems(problems)
    super('BAD_WORKER', sorted.map(formatProblem).join('\n'), { details: { problems: sorted } })
    this.name = 'CodegenError'
    this.problems = sorted
  }
}

/** `jobs/a/b.ts:3:7 message`, the form editors and terminals turn into a link. */
export const formatProblem = ({ file, line, column, message }: Problem): string =>
  `${file}:${line}:${column} ${message}`

/** By place, each one once: two workers that import a broken module both report it. */
function sortProblems(problems: readonly Problem[]): Problem[] {
  const unique = new Map(problems.map((problem) => [formatProblem(problem), problem]))
  return [...unique.values()].toSorted(
    (a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.message, b.message),
  )
}

/** By UTF-16 unit and not by locale, so that the order is the same on every machine. */
export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
