/** The project that a command works on: the folder with jobs/ in it. */
import { readFileSync, statSync } from 'node:fs'
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

/** As codegen has found it; `undefined` where there is no build, or nothing names the project. */
export function projectName({ dir }: Project): string | undefined {
  try {
    return (JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8')) as { project?: string }).project
  } catch {
    return undefined
  }
}
