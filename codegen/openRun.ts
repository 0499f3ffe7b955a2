/** Begins a run: finds the project, its errand package and its settings, and what earlier runs found out. */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { configError } from '../core/errors.js'
import type { Project } from './link/bundling.js'
import { fingerprintOf, readCache, type Cache } from './cache.js'
import { findErrandPackage } from './errandPackage.js'
import { readFiles, type Files } from './files.js'
import type { Inference } from './types/inference.js'
import type { Inspector } from './check/inspect.js'
import type { Output } from './output.js'
import type { Run } from './run.js'
import type { ContractShards } from './contract/contractShards.js'
import type { SharedPackages } from './link/sharedPackages.js'

export interface RunOptions {
  /** The project: the folder that holds jobs/. */
  root: string
  /** Called with a line about what takes long. */
  onProgress?: (line: string) => void
}

/** Stays from run to run of a watcher. */
export interface Memory {
  cache?: Cache
  inference?: Inference
  inspector?: Inspector
  shared?: KnownShared
  /** Files that the last run came upon, also where it failed and has no cache to tell. */
  seen?: ReadonlySet<string>
}

/** Good as long as the files that it was made from have these hashes. */
interface KnownShared {
  packages: SharedPackages
  shards: ContractShards | undefined
  fingerprint: string
  hashes: ReadonlyMap<string, string>
}

export function openRun(memory: Memory, { root, onProgress }: RunOptions, openOutput: (root: string) => Output): Run {
  const folder = resolve(root)
  const files = readFiles(folder)
  const project = openProject(folder)
  const cache = currentCache(memory, folder)
  let shared: SharedPackages | undefined
  let shards: ContractShards | undefined
  const openShared = async (): Promise<SharedPackages> => {
    if (shared) return shared
    const { shared: known } = memory
    if (isCurrent(known, cache, files)) ({ packages: shared, shards } = known)
    else shared = (await import('./link/sharedPackages.js')).openSharedPackages(project)
    return shared
  }
  return {
    project,
    cache,
    files,
    output: openOutput(folder),
    problems: [],
    seen: new Set(),
    progress: onProgress ?? (() => {}),
    shared: openShared,
    async contractShards() {
      const packages = await openShared()
      return (shards ??= (await import('./contract/contractShards.js')).openContractShards(project, packages))
    },
    inspector: async () => memory.inspector ?? (await import('./check/inspect.js')).openInspector(),
    remember() {
      if (!shared) return
      const hashes = new Map(Array.from(shared.inputs(), (file) => [file, files.hash(file)]))
      memory.shared = { packages: shared, shards, fingerprint: cache.fingerprint, hashes }
    },
    async sliceOf(module) {
      const [{ slice }, { parseModule }] = await Promise.all([
        import('./contract/slice.js'),
        import('./contract/sourceModule.js'),
      ])
      return slice(parseModule(module, files.text(module)))
    },
  }
}

const isCurrent = (known: KnownShared | undefined, { fingerprint }: Cache, files: Files): known is KnownShared =>
  known?.fingerprint === fingerprint && [...known.hashes].every(([file, hash]) => files.hash(file) === hash)

export function openProject(root: string): Project {
  if (!existsSync(root))
    throw configError(`There is no folder ${root}. Give the project's folder, the one that holds jobs/, with --root.`)
  return { root, errand: findErrandPackage(root), ...readPackage(join(root, 'package.json')) }
}

function readPackage(path: string): Pick<Project, 'name' | 'external'> {
  if (!existsSync(path)) return { name: undefined, external: [] }
  const { name, errand = {} } = readJson(path) as { name?: unknown; errand?: { external?: unknown; project?: unknown } }
  return { name: projectName(path, errand.project ?? name), external: externalPackages(path, errand.external ?? []) }
}

const longestName = 200

function projectName(path: string, name: unknown): string | undefined {
  if (name === undefined) return undefined
  if (typeof name === 'string' && name !== '' && name.length <= longestName) return name
  throw configError(
    `"errand.project" in ${path}, or else its "name", must be a text of at most ${longestName} characters.`,
  )
}

function externalPackages(path: string, external: unknown): string[] {
  if (Array.isArray(external) && external.every((name) => typeof name === 'string')) return external
  throw configError(`"errand.external" in ${path} must be a list of package names, such as ["sharp"].`)
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw configError(`${path} is not JSON: ${(cause as Error).message}.`, cause)
  }
}

/** A watcher's own cache, unless what all of it depends on has changed. */
function currentCache({ cache }: Memory, root: string): Cache {
  if (cache && cache.fingerprint === fingerprintOf(root)) return cache
  return readCache(root)
}
