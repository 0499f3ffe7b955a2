/** Tells the problems of a worker at the line of its module that says it. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LimitProblem } from './limits.js'
import { optionNode } from './optionPlace.js'
import type { Problem } from './problems.js'
import { slice } from '../contract/slice.js'
import { parseModule, problemAt } from '../contract/sourceModule.js'

/** `files` by worker, relative to the root. */
export const placeProblems = (
  root: string,
  files: ReadonlyMap<string, string>,
  problems: readonly LimitProblem[],
): Promise<Problem[]> =>
  Promise.all(
    problems.map(async ({ worker, path, message }): Promise<Problem> => {
      const file = files.get(worker)!
      const outcome = slice(parseModule(file, await readFile(join(root, file), 'utf8')))
      // a worker that is written elsewhere, and re-exported, is told at the file that makes it one
      if (path.length === 0 || outcome.kind !== 'slice') return { file, line: 1, column: 1, message }
      const { definition } = outcome
      return problemAt(definition.module, optionNode(definition, path), message)
    }),
  )
