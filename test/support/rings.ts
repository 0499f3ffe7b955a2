/**
 * Which tests need nothing but this process: no database, no other process, no project that is built. They are found by
 * what they import, so that a new test is among them without a list.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { repository } from './repository.js'

/** Modules that start something, and those that lend it to tests. */
const heavy = [
  'node:child_process',
  'test/support/client',
  'test/support/database',
  'test/codegen/project',
  'server/deployments/contractTrial', // a thread
  'codegen/check/inspect', // a process
]

/** Files of tests, by their paths from the repository's root. */
export const unitTests = (): string[] =>
  readdirSync(join(repository, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => join('test', file))
    .filter((file) => !reachesHeavy(file.replace(/\.ts$/, ''), new Set()))

/** Goes through test/ alone: the house is imported by all of them. */
function reachesHeavy(path: string, reached: Set<string>): boolean {
  if (heavy.includes(path)) return true
  if (!path.startsWith('test/') || reached.has(path)) return false
  reached.add(path)
  return importsOf(path).some((each) => reachesHeavy(each, reached))
}

/** Without their endings, and from the root where they are files. What is no module of ours, such as JSON, has none. */
function importsOf(path: string): string[] {
  const file = join(repository, `${path}.ts`)
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  return Array.from(text.matchAll(/^(?:import|export|\}) .*?'([^']+)'$/gm), ([, from = '']) =>
    from.startsWith('.') ? join(dirname(path), from.replace(/\.js$/, '')) : from,
  )
}
