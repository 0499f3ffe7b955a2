/**
 * Which tests need nothing but this process: no database, no other process, no project that is built. They are found by
 * what they import, so that a new test is among them without a list.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
/** Modules that start something, and those that lend it to tests. */
const heavy = ['node:child_process', 'test/support/client', 'test/support/database', 'test/codegen/project']

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
  known.set(path, true)
  const light = importsOf(path).every((each) => isLight(each, known))
  known.set(path, light)
  return light
}

/** Without their endings, and from the root where they are files. */
const importsOf = (path: string): string[] =>
  Array.from(
    readFileSync(join(root, `${path}.ts`), 'utf8').matchAll(/^(?:import|export|\}) .*?'([^']+)'$/gm),
    ([, from = '']) => (from.startsWith('.') ? join(dirname(path), from.replace(/\.js$/, '')) : from),
  )
