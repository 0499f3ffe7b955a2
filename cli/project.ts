/** The project that a command works on: the folder with jobs/ in it. */
import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { UsageError } from './problem.js'

export interface Project {
  /** Absolute. */
  root: string
  /** Build output and local data, ignored by git: `<root>/.errand`. */
  dir: string
}

/** Throws `UsageError` where `--root` names no folder. */
export function openProject(cwd: string, root: string | undefined): Project {
  const path = resolve(cwd, root ?? '.')
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`--root: there is no folder ${path}.`)
  }
  return { root: path, dir: join(path, '.errand') }
}
