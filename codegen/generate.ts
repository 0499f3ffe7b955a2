/** Codegen as a list of steps: scan → cut → bundle functions → check contracts → infer types → write. */
import { buildFunctions } from './link/buildFunctions.js'
import { cacheFile, emptyCache, packCache, type Cache, type CachedWorker } from './cache.js'
import { checkContracts } from './check/checkContracts.js'
import { contextTypes } from './types/contextTypes.js'
import { cutContracts } from './contract/cutContracts.js'
import { sha256 } from './files.js'
import { inferTypes } from './types/inferTypes.js'
import type { Inference } from './types/inference.js'
import { functionFile, manifestFile, printManifest, type ManifestWorker } from './manifest.js'
import { openRun, type Memory, type RunOptions } from './openRun.js'
import { noOutput, openOutput, removeFunctions } from './output.js'
import { CodegenError, compare } from './check/problems.js'
import { printRegistry } from './types/registry.js'
import type { Run, WorkerFile } from './run.js'
import { contextFile, registryFile, scanFor } from './scan.js'

export interface GenerateOptions extends RunOptions {
  /**
   * Writes nothing, and tells in `stale` whether what is committed of it (jobs/registry.gen.ts, jobs/context.gen.ts) is
   * out of date. Default false.
   */
  check?: boolean
}

export interface CodegenReport {
  /** Sorted by name. */
  workers: WorkerFile[]
  /** Names of workers that are new, or whose function or contract changed. */
  changed: string[]
  /** Names of workers that are gone. */
  removed: string[]
  /** Files that were written, relative to the root. */
  written: string[]
  /** Each as `file:line:column message`. */
  warnings: string[]
  durationMs: number
  /** With `check`: what is out of date and what to do, as a sentence. Absent where all is up to date. */
  stale?: string
}

/** Throws `CodegenError` with every problem of every worker; nothing on disk is changed then. */
export const generate = (options: GenerateOptions): Promise<CodegenReport> => generateWith({}, options)

export async function generateWith(memory: Memory, options: GenerateOptions): Promise<CodegenReport> {
  const startedAt = performance.now()
  const run = openRun(memory, options, options.check ? () => noOutput : openOutput)
  try {
    const workers = await scanFor(run)
    const made = await make(run, memory, workers)
    const stale = options.check ? staleRegistry(run, made) : undefined
    const done = options.check ? { written: [], removed: [] } : await write(run, made)
    if (!options.check) memory.cache = made.cache
    return {
      workers,
      changed: made.cache === run.cache ? [] : changedWorkers(run.cache, made.cache),
      ...done,
      warnings: warningsOf(made.cache),
      durationMs: performance.now() - startedAt,
      ...(stale !== undefined && { stale }),
    }
  } catch (error) {
    if (error instanceof CodegenError) error.problems.forEach(({ file }) => run.seen.add(file))
    throw error
  } finally {
    memory.seen = run.seen
    run.remember()
    await run.output.discard()
  }
}

/** The outcome of all steps but the last. */
interface Made {
  cache: Cache
  registry: () => string
  manifest: () => string
}

async function make(run: Run, memory: Memory, workers: readonly WorkerFile[]): Promise<Made> {
  const cuts = await cutContracts(run, workers)
  const functions = await buildFunctions(run, cuts)
  const bundled = cuts.filter(({ worker }) => functions.has(worker.name))
  const { contracts, bundle } = await checkContracts(run, bundled)
  if (run.problems.length > 0) throw new CodegenError(run.problems)
  const inferred = await inferTypes(run, bundled, contracts, () => openInference(run, memory))
  const cache = emptyCache(run.cache.fingerprint)
  if (run.project.name !== undefined) cache.project = run.project.name
  cache.contracts = bundle
  for (const { worker, slice } of bundled) {
    const inference = inferred.get(worker.name)
    cache.workers[worker.name] = {
      file: worker.file,
      slice,
      contract: contracts.get(worker.name)!,
      function: functions.get(worker.name)!,
      ...(inference && { inference }),
    }
  }
  const isSame = isSameAs(run.cache, cache)
  return isSame ? madeFrom(run.cache) : madeFrom(completed(run, cache))
}

function madeFrom(cache: Cache): Made {
  return { cache, registry: () => registryOf(cache), manifest: () => manifestOf(cache) }
}

/** Whether every part came out of the old cache. */
function isSameAs(old: Cache, { contracts, workers }: Cache): boolean {
  const names = Object.keys(workers)
  return (
    old.contracts === contracts &&
    names.length === Object.keys(old.workers).length &&
    names.every((name) => {
      const [before, after] = [old.workers[name], workers[name]!]
      const parts = ['file', 'slice', 'contract', 'function', 'inference'] as const
      return before !== undefined && parts.every((part) => before[part] === after[part])
    })
  )
}

/** With what is known once all parts are. */
function completed({ files }: Run, cache: Cache): Cache {
  const inputs = Object.values(cache.workers).flatMap((worker) => [
    ...worker.slice.inputs,
    ...worker.contract.inputs,
    ...worker.function.inputs,
    ...(worker.inference?.inputs ?? []),
  ])
  for (const file of [...new Set(inputs)].toSorted(compare)) cache.files[file] = files.hash(file)
  cache.printed = { registry: sha256(registryOf(cache)), manifest: sha256(manifestOf(cache)) }
  return cache
}

async function openInference({ project, cache }: Run, memory: Memory): Promise<Inference> {
  // other settings make other types, so a checker that was made under them is of no use
  const isCurrent = memory.inference !== undefined && memory.cache?.fingerprint === cache.fingerprint
  if (isCurrent) await memory.inference!.refresh()
  else memory.inference = (await import('./types/inference.js')).openInference(project)
  return memory.inference!
}

const registryOf = ({ workers }: Cache): string =>
  printRegistry(
    Object.entries(workers).map(([name, { file, contract, inference }]) => ({
      name,
      file,
      typeName: contract.typeName,
      args: inference?.args ?? contract.args,
      result: inference?.result ?? contract.result!,
    })),
  )

function manifestOf(cache: Cache): string {
  const entries = Object.entries(cache.workers).map(([name, worker]): [string, ManifestWorker] => [
    name,
    {
      file: worker.file,
      hash: workerHash(cache, worker),
      function: functionFile(name),
      bytes: worker.function.bytes,
      receipt: worker.contract.receipt,
      scheduled: worker.contract.scheduled,
    },
  ])
  return printManifest(cache.project, Object.fromEntries(entries))
}

/** The function's bytes, and all that the contract was made from. */
const workerHash = ({ files }: Cache, { slice, contract, function: built }: CachedWorker): string =>
  sha256([built.hash, slice.key, ...contract.inputs.map((file) => files[file])].join('\n'))

function changedWorkers(before: Cache, after: Cache): string[] {
  return Object.entries(after.workers).flatMap(([name, worker]) => {
    const old = before.workers[name]
    return old && old.file === worker.file && workerHash(before, old) === workerHash(after, worker) ? [] : [name]
  })
}

function warningsOf({ workers, contracts }: Cache): string[] {
  const own = Object.values(workers).flatMap(({ file, slice, contract, inference }) => {
    const places = [
      ...(inference?.args ?? contract.args).opaque.map((place) => `args ${place}`),
      ...(inference?.result ?? contract.result!).opaque.map((place) => `result ${place}`),
    ]
    return [
      ...slice.warnings,
      ...places.map((place) => `${file}:1:1 The type of ${place}, so it is unknown to callers.`),
    ]
  })
  return [...new Set([...own, ...contracts.warnings])].toSorted(compare)
}

const contextHash = sha256(contextTypes)

/** Where nothing is new and the files are as they were written, nothing is even printed. */
async function write({ project, output, files, cache: old }: Run, { cache, registry, manifest }: Made) {
  const names = Object.keys(cache.workers)
  const isWanted = names.length > 0 || files.hash(registryFile) !== ''
  if (isWanted && files.hash(contextFile) !== contextHash) await output.put(contextFile, contextTypes)
  if (isWanted && files.hash(registryFile) !== cache.printed.registry) await output.put(registryFile, registry())
  if (files.hash(manifestFile) !== cache.printed.manifest) await output.put(manifestFile, manifest())
  if (cache !== old) await output.put(cacheFile, packCache(cache))
  const written = await output.commit()
  const removed = await removeFunctions(project.root, new Set(names))
  return { written: written.filter((file) => file !== cacheFile), removed }
}

function staleRegistry({ files }: Run, { cache }: Made): string | undefined {
  const found = files.hash(registryFile)
  if (found === '' && Object.keys(cache.workers).length === 0) return undefined
  if (found !== cache.printed.registry) return staleFile(registryFile, found, 'does not match the workers in jobs/')
  const context = files.hash(contextFile)
  return context === contextHash ? undefined : staleFile(contextFile, context, 'is not as codegen writes it')
}

function staleFile(file: string, found: string, how: string): string {
  return `${file} ${found === '' ? 'is missing' : how}. Run \`npm run codegen\` and commit it.`
}
