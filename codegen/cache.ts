/**
 * Keeps what earlier runs found out, so that a run redoes only what changed: without a change neither TypeScript nor
 * esbuild is even loaded. Each part names the files it was made from; it holds as long as their hashes do. Lost or
 * unreadable, the cache is made anew.
 */
import { readFileSync, readdirSync, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Files } from './files.js'
import { sha256 } from './files.js'
import type { Focus, Range } from './contract/slice.js'
import type { PrintedType } from './types/printType.js'

export const cacheFile = '.errand/cache.json'

export interface CachedSlice {
  /** The worker's file, and the module it re-exports if it does. */
  inputs: string[]
  /** The module that holds `defineJob`. */
  module: string
  dropped: Range[]
  hasResult: boolean
  focus?: Focus
  warnings: string[]
  /** Hash of what the cut leaves; an edit in `run` does not change it. */
  key: string
}

export interface CachedContract {
  inputs: string[]
  /** The slice's key and the type name this was made for. */
  key: string
  typeName: string
  args: PrintedType
  result?: PrintedType
  /** The args that `run` is given, where its result is to be inferred and the schema tells all of it. */
  taken?: PrintedType
  receipt: 'answered' | 'posted'
  scheduled: boolean
}

export interface CachedFunction {
  inputs: string[]
  hash: string
  bytes: number
}

/** The type checker's answers: the result where no schema tells it, and what is opaque at run time. */
export interface CachedInference {
  inputs: string[]
  typeName: string
  result?: PrintedType
  args?: PrintedType
}

export interface CachedWorker {
  file: string
  slice: CachedSlice
  contract: CachedContract
  function: CachedFunction
  inference?: CachedInference
}

export interface Cache {
  fingerprint: string
  /** The project's name, which the fingerprint covers. */
  project?: string
  /** Hash of every file that any part was made from. */
  files: Record<string, string>
  workers: Record<string, CachedWorker>
  contracts: { hash: string; warnings: string[] }
  /** Hashes of what was printed from all this, so that a run that finds nothing new need not print it to compare. */
  printed: { registry: string; manifest: string }
}

export const emptyCache = (fingerprint: string): Cache => ({
  fingerprint,
  files: {},
  workers: {},
  contracts: { hash: '', warnings: [] },
  printed: { registry: '', manifest: '' },
})

export function readCache(root: string): Cache {
  const fingerprint = fingerprintOf(root)
  try {
    const stored = JSON.parse(readFileSync(join(root, cacheFile), 'utf8')) as StoredCache
    if (stored.fingerprint === fingerprint) return unpack(stored)
  } catch {
    // there is none yet, or it was cut short
  }
  return emptyCache(fingerprint)
}

/** As it lies on disk: inputs are numbers of files, because a thousand workers share most of theirs. */
interface StoredCache extends Omit<Cache, 'files' | 'workers'> {
  files: [file: string, hash: string][]
  workers: Record<string, unknown>
}

export function packCache(cache: Cache): string {
  const files = Object.entries(cache.files)
  const numbers = new Map(files.map(([file], index) => [file, index]))
  const workers = mapInputs(cache.workers, (file) => numbers.get(file as string)!)
  return JSON.stringify({ ...cache, files, workers } satisfies StoredCache)
}

function unpack(stored: StoredCache): Cache {
  const names = stored.files.map(([file]) => file)
  const workers = mapInputs(stored.workers as Record<string, CachedWorker>, (index) => names[index as number]!)
  return { ...stored, files: Object.fromEntries(stored.files), workers: workers as Record<string, CachedWorker> }
}

function mapInputs(
  workers: Record<string, CachedWorker>,
  change: (input: unknown) => unknown,
): Record<string, unknown> {
  const part = <Part extends { inputs: string[] }>(one: Part) => ({ ...one, inputs: one.inputs.map(change) })
  const entries = Object.entries(workers).map(([name, worker]) => {
    const { slice, contract, function: built, inference } = worker
    const parts = { slice: part(slice), contract: part(contract), function: part(built) }
    return [name, { ...worker, ...parts, ...(inference && { inference: part(inference) }) }] as const
  })
  return Object.fromEntries(entries)
}

/** Whether all these files are as they were when the cache was written. */
export const isUnchanged = (cache: Cache, files: Files, inputs: readonly string[]): boolean =>
  inputs.every((file) => cache.files[file] !== undefined && cache.files[file] === files.hash(file))

/**
 * Covers what every part depends on beside its own inputs: this code, its tools, and how the project resolves and reads
 * modules.
 */
export function fingerprintOf(root: string): string {
  const require = createRequire(import.meta.url)
  const versions = ['esbuild', 'ts-morph'].map((name) => versionOf(require, name))
  const own = [import.meta.dirname, join(import.meta.dirname, '..', 'core')].flatMap(readFolder)
  const project = readdirSync(root).filter((name) => /^tsconfig.*\.json$/.test(name))
  const configs = project.toSorted().map((name) => readFileSync(join(root, name), 'utf8'))
  return sha256(JSON.stringify([...versions, ...own, ...configs, resolution(root)]))
}

function versionOf(require: NodeJS.Require, name: string): string {
  return (require(`${name}/package.json`) as { version: string }).version
}

const readFolder = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[jt]s$/.test(name) && !name.endsWith('.d.ts'))
    .toSorted()
    .map((name) => readFileSync(join(folder, name), 'utf8'))

/** The parts of package.json that change what a bundle holds. */
function resolution(root: string): unknown {
  const path = join(root, 'package.json')
  if (!existsSync(path)) return undefined
  const { name, type, imports, exports, sideEffects, browser, errand } = JSON.parse(
    readFileSync(path, 'utf8'),
  ) as Record<string, unknown>
  return { name, type, imports, exports, sideEffects, browser, errand }
}
