/**
 * Sorts the files of tests into rings by what they import, so that a new file is in its ring without a list:
 *
 *   unit      needs nothing but this process: no database, no thread, no project that is built
 *   system    the real engine, codegen, and commands that run in this process
 *   programs  starts other programs: the compiled command, functions on their platforms, compilers, examples of docs
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { repository } from './repository.js'

/** Modules that start something in this process, and those that lend it to tests. */
const heavy = [
  'test/support/client',
  'test/support/database',
  'test/codegen/project',
  'server/deployments/contractTrial', // a thread
  'codegen/check/inspect', // a process
]

/** Modules that start other programs. */
const startsPrograms = ['node:child_process']

/** By their paths from the repository's root. */
export interface Rings {
  unit: string[]
  system: string[]
  programs: string[]
}

export function testRings(): Rings {
  const rings: Rings = { unit: [], system: [], programs: [] }
  for (const file of testFiles()) {
    const reached = reachedFrom(file.replace(/\.ts$/, ''), new Set())
    const reaches = (modules: string[]) => modules.some((module) => reached.has(module))
    rings[reaches(startsPrograms) ? 'programs' : reaches(heavy) ? 'system' : 'unit'].push(file)
  }
  return rings
}

/** Without those that want an install of their own. */
const testFiles = (): string[] =>
  readdirSync(join(repository, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && !file.includes('node_modules') && !/^(real|world)/.test(file))
    .map((file) => join('test', file))

/** All modules that a module imports, through test/ alone: the house is imported by all of them. */
function reachedFrom(path: string, reached: Set<string>): Set<string> {
  if (reached.has(path)) return reached
  reached.add(path)
  if (path.startsWith('test/')) for (const each of importsOf(path)) reachedFrom(each, reached)
  return reached
}

/** Without their endings, and from the root where they are files. What is no module of ours, such as JSON, has none. */
function importsOf(path: string): string[] {
  const file = join(repository, `${path}.ts`)
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  return Array.from(text.matchAll(/^(?:import|export|\}) .*?'([^']+)'$/gm), ([, from = '']) =>
    from.startsWith('.') ? join(dirname(path), from.replace(/\.js$/, '')) : from,
  )
}
