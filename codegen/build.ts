/** `errand build` as a list of steps: codegen → core artefacts → limits → each platform's files → write. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { configError } from '../core/errors.js'
import { didYouMean } from '../core/nearest.js'
import { sha256 } from './files.js'
import { generate } from './generate.js'
import { limitProblems, limitsOf } from './check/limits.js'
import { openProject } from './openRun.js'
import { placeProblems } from './check/placeProblems.js'
import { CodegenError } from './check/problems.js'
import { makeArtefacts, type Artefact } from './targets/artefact.js'
import { buildCloudflare } from './targets/cloudflare.js'
import { buildLambda } from './targets/lambda.js'
import { buildNode } from './targets/node.js'
import { readTargetOptions } from './targets/options.js'
import type { TargetName } from '../core/targets.js'
import { jsonFile, type BuildTarget, type TargetBuild } from './targets/target.js'
import { buildVercel } from './targets/vercel.js'
import { readWorkerFacts, type WorkerFacts } from './targets/workerFacts.js'

export interface BuildOptions {
  /** The project: the folder that holds jobs/. */
  root: string
  targets: readonly TargetName[]
  /** Names of the workers to build, where `mail.*` means all that begin with `mail.`. Default: all. */
  only?: readonly string[]
  /** Default false. */
  minify?: boolean
  /** Puts the coordinator beside the functions, as a function of its own. Not on Cloudflare Workers. Default false. */
  coordinator?: boolean
  /** Each target is put into a folder of its name in here. Default `<root>/.errand/build`. */
  out?: string
  /** Called with a line about what takes long. */
  onProgress?: (line: string) => void
}

export interface BuiltTarget {
  target: TargetName
  /** Absolute. */
  dir: string
  workers: BuiltWorker[]
  /** Whether the coordinator is among it. */
  coordinator?: true
}

export interface BuiltWorker {
  worker: string
  /**
   * Of the function and the contract: `errand deploy` sees by it whether this build is of the contracts that it
   * registers.
   */
  hash: string
  /** By which the function names its build when it is asked. */
  build: string
  /** The part deployed for it, a file or a folder relative to the target's. */
  function: string
  /** Of the core artefact, which is the same for every target. */
  bytes: number
  gzipBytes: number
  sha256: string
  /** Of `function`, where it is a file. */
  file?: { bytes: number; sha256: string }
}

export interface BuildReport {
  targets: BuiltTarget[]
  durationMs: number
}

const builders: Record<TargetName, BuildTarget> = {
  node: buildNode,
  vercel: buildVercel,
  'aws-lambda': buildLambda,
  cloudflare: buildCloudflare,
}

/** Throws `CodegenError` with every limit that any worker breaks on any of the platforms; nothing is written then. */
export async function build(options: BuildOptions): Promise<BuildReport> {
  const startedAt = performance.now()
  const { root, targets, only, minify = false, coordinator = false, onProgress = () => {} } = options
  if (coordinator && targets.includes('cloudflare')) throw noCoordinatorThere()
  await generate({ root, onProgress })
  const project = openProject(resolve(root))
  const targetOptions = readTargetOptions(project.root)
  const workers = selected(await readWorkerFacts(project.root), only)
  onProgress('Making the artefacts')
  const artefacts = await makeArtefacts(project, workers, { minify })
  await checkLimits(project.root, targets, artefacts, targetOptions)
  const builds = new Map<TargetName, TargetBuild>()
  for (const target of targets) {
    onProgress(`Building for ${target}`)
    builds.set(target, await builders[target]({ project, artefacts, options: targetOptions, minify, coordinator }))
  }
  const out = resolve(project.root, options.out ?? '.errand/build')
  const written: BuiltTarget[] = []
  for (const [target, built] of builds)
    written.push({ ...(await writeTarget(out, target, built, artefacts)), ...(coordinator && { coordinator }) })
  return { targets: written, durationMs: performance.now() - startedAt }
}

const noCoordinatorThere = () =>
  configError(
    "--coordinator: MongoDB's driver does not run on Cloudflare Workers. Build the coordinator for node, vercel or aws-lambda; it calls functions there as anywhere else.",
  )

function selected(workers: readonly WorkerFacts[], only: readonly string[] | undefined): WorkerFacts[] {
  if (workers.length === 0) throw configError('There are no workers in jobs/ yet, so there is nothing to build.')
  if (only === undefined) return [...workers]
  const chosen = only.map((pattern) => {
    const found = workers.filter(({ name }) =>
      pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
    )
    if (found.length > 0) return found
    const hint = didYouMean(
      pattern,
      workers.map(({ name }) => name),
    )
    throw configError(`--only: no worker is named "${pattern}".${hint}`)
  })
  const names = new Set(chosen.flat().map(({ name }) => name))
  return workers.filter(({ name }) => names.has(name))
}

async function checkLimits(
  root: string,
  targets: readonly TargetName[],
  artefacts: readonly Artefact[],
  options: ReturnType<typeof readTargetOptions>,
): Promise<void> {
  const problems = targets.flatMap((target) => limitProblems(limitsOf(target, options), artefacts))
  if (problems.length === 0) return
  const files = new Map(artefacts.map(({ worker }) => [worker.name, worker.file]))
  throw new CodegenError(await placeProblems(root, files, problems))
}

/** Puts all of a target in place at the end: built beside, then moved. */
async function writeTarget(
  out: string,
  target: TargetName,
  { files, functions, replaces = ['.'] }: TargetBuild,
  artefacts: readonly Artefact[],
): Promise<BuiltTarget> {
  const workers = artefacts.map(({ worker: { name, hash }, code, gzipBytes, sha256: codeHash, build }): BuiltWorker => {
    const path = functions[name]!
    const file = files.find((one) => one.path === path)
    const isCore = file?.content === code
    return {
      worker: name,
      hash,
      build,
      function: path,
      bytes: code.byteLength,
      gzipBytes,
      sha256: codeHash,
      ...(file && !isCore && { file: { bytes: Buffer.byteLength(file.content), sha256: sha256(file.content) } }),
    }
  })
  const manifest = {
    version: 1,
    target,
    workers: Object.fromEntries(workers.map(({ worker, ...rest }) => [worker, rest])),
  }
  const dir = join(out, target)
  const staging = join(out, `.staging-${target}-${process.pid}`)
  try {
    for (const { path, content } of [...files, jsonFile('manifest.json', manifest)]) {
      await mkdir(dirname(join(staging, path)), { recursive: true })
      await writeFile(join(staging, path), content)
    }
    for (const path of replaces) {
      await rm(join(dir, path), { recursive: true, force: true })
      await mkdir(dirname(join(dir, path)), { recursive: true })
      await rename(join(staging, path), join(dir, path))
    }
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
  return { target, dir, workers }
}
