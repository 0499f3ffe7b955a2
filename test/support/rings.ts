/**
 * Which tests need nothing but this process: no database, no other process, no project that is built. They are found by
 * what they import, so that a new test is among them without a list.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
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
export function unitTests(): string[] {
  const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  const known = new Map<string, boolean>()
  return files
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => join('test', file))
    .filter((file) => isLight(file.replace(/\.ts$/, ''), known))
}

/** Goes through test/ alone: the house is imported by all of them. */
function isLight(path: string, known: Map<string, boolean>): boolean {
  if (heavy.includes(path)) return false
  if (!path.startsWith('test/')) return true
  const before = known.get(path)
  if (before !== undefined) return before
  const reached = new Set<string>()
  const reachesHeavy = (each: string): boolean => {
    if (heavy.includes(each)) return true
    if (!each.startsWith('test/') || reached.has(each)) return false
    reached.add(each)
    return known.get(each) === false || importsOf(each).some(reachesHeavy)
  }
  const light = !reachesHeavy(path)
  known.set(path, light)
  return light
}

/** Without their endings, and from the root where they are files. */
const importsOf = (path: string): string[] =>
  Array.from(textOf(join(root, `${path}.ts`)).matchAll(/^(?:import|export|\}) .*?'([^']+)'$/gm), ([, from = '']) =>
    from.startsWith('.') ? join(dirname(path), from.replace(/\.js$/, '')) : from,
  )

/** Of what is no module of ours, such as JSON, nothing. */
const textOf = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '')
