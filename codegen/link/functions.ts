/**
 * Bundles each worker into the function that gets deployed: one file that holds the job, what it imports, and the
 * runtime around it. The parts of zod and errand that it takes are linked apart from its own code, see
 * sharedPackages.ts.
 *
 * Functions are built in chunks, which parse shared modules once. esbuild links each entry point on its own, so the
 * bytes are the same in any company; a test holds it to that.
 */
import { posix } from 'node:path'
import type { BuildFailure, BuildOptions, BuildResult, Message, Plugin } from 'esbuild'
import { bundleDefaults, loadText, messageProblem, packageOf, resolveErrand, type Project } from './bundling.js'
import { inputFiles, reachable } from '../contract/moduleGraph.js'
import { noBuild } from '../../core/functions/ping.js'
import type { Problem } from '../check/problems.js'
import type { Prelude, SharedPackages } from './sharedPackages.js'
import { mappingsBehind, type SourceMap } from './sourceMaps.js'
import { namespaceZod } from '../contract/zodImport.js'
import type { WorkerFile } from '../run.js'

interface BuiltFunction {
  worker: WorkerFile
  code: Uint8Array
  map: Uint8Array
  /** Files relative to the root whose change means the function must be built again. */
  inputs: string[]
}

export interface FailedFunction {
  worker: WorkerFile
  problems: Problem[]
  /** Where relative imports lead that lead nowhere: mending that may be adding the file. */
  missing: string[]
}

/** Large enough to share the parsing of modules, small enough to bound memory and to show progress. */
const chunkSize = 25

const entryPrefix = 'errand-function:'

/** Shared by all functions of a run. */
interface Building {
  project: Project
  shared: SharedPackages
  accept: (built: BuiltFunction) => Promise<void>
}

/**
 * Gives each function as it is built; `accept` is awaited, so that functions can be put on disk instead of piling up in
 * memory.
 */
export async function bundleFunctions(
  project: Project,
  shared: SharedPackages,
  workers: readonly WorkerFile[],
  accept: Building['accept'],
): Promise<FailedFunction[]> {
  const failed: FailedFunction[] = []
  const chunks = splitIntoChunks(workers)
  // while one chunk is put on disk, esbuild has the next one
  const lane = async (): Promise<void> => {
    for (let chunk = chunks.shift(); chunk; chunk = chunks.shift()) {
      failed.push(...(await bundleChunk({ project, shared, accept }, chunk)))
    }
  }
  await Promise.all([lane(), lane()])
  return failed
}

function splitIntoChunks(workers: readonly WorkerFile[]): (readonly WorkerFile[])[] {
  const count = Math.ceil(workers.length / chunkSize)
  return Array.from({ length: count }, (_, index) => workers.slice(index * chunkSize, (index + 1) * chunkSize))
}

async function bundleChunk(building: Building, workers: readonly WorkerFile[]): Promise<FailedFunction[]> {
  let result
  try {
    result = await build(building, workers)
  } catch (error) {
    return workers.length === 1 ? [failure(building.project, workers[0]!, error)] : bundleApart(building, workers)
  }
  for (const worker of workers) await building.accept(await finish(building, worker, result))
  return []
}

/** One bad module fails the chunk; built apart, it fails alone. */
async function bundleApart(building: Building, workers: readonly WorkerFile[]): Promise<FailedFunction[]> {
  const failed: FailedFunction[] = []
  for (const worker of workers) failed.push(...(await bundleChunk(building, [worker])))
  return failed
}

type Built = BuildResult<BuildOptions & { metafile: true; write: false }>

async function build({ project, shared }: Building, workers: readonly WorkerFile[], banner?: string): Promise<Built> {
  const { build: esbuild } = await import('esbuild')
  return esbuild({
    ...bundleDefaults(project),
    entryPoints: workers.map(({ name }) => ({ in: `${entryPrefix}${name}`, out: `${name}/index` })),
    outdir: '.errand/functions',
    outExtension: { '.js': '.mjs' },
    sourcemap: 'linked',
    sourcesContent: false,
    external: [...project.external],
    plugins: [functionPlugin(project, shared, workers)],
    ...(banner !== undefined && { banner: { js: banner } }),
  })
}

function functionPlugin(project: Project, shared: SharedPackages, workers: readonly WorkerFile[]): Plugin {
  const files = new Map(workers.map(({ name, file }) => [name, file]))
  return {
    name: 'errand-function',
    setup(build) {
      shared.stand(build)
      resolveErrand(build, project)
      build.onResolve({ filter: /^errand-function:/ }, ({ path }) => ({
        path: path.slice(entryPrefix.length),
        namespace: 'errand-function',
      }))
      build.onLoad({ filter: /.*/, namespace: 'errand-function' }, ({ path }) => ({
        contents: functionEntry(path, files.get(path)!),
        resolveDir: project.root,
      }))
      build.onLoad({ filter: /\.[cm]?tsx?$/ }, ({ path }) => loadText(path, namespaceZod))
      build.onLoad({ filter: /\.node$/ }, ({ path }) => ({ errors: [{ text: nativeAddon(path) }] }))
    },
  }
}

const functionEntry = (name: string, file: string): string =>
  [
    `import job from ${JSON.stringify(`./${file}`)}`,
    `import { wrap } from 'errand/runtime'`,
    `export default wrap(job, { worker: ${JSON.stringify(name)}, build: ${JSON.stringify(noBuild)} })`,
  ].join('\n')

function nativeAddon(path: string): string {
  const installed = path.replaceAll('\\', '/').split('node_modules/').at(-1)!
  const name = packageOf(installed)
  return `"${name}" is a native addon, which cannot be bundled. Keep it outside: "errand": { "external": ["${name}"] } in package.json, and install it where the function runs`
}

async function finish(building: Building, worker: WorkerFile, result: Built): Promise<BuiltFunction> {
  const banner = neededBanner(output(result, worker, '/index.mjs'))
  const final = banner === undefined ? result : await build(building, [worker], banner)
  const own = output(final, worker, '/index.mjs')
  const prelude = await building.shared.preludeFor(own)
  return {
    worker,
    code: Buffer.concat([prelude.code, Buffer.from(own)]),
    map: mapOf(prelude, output(final, worker, '/index.mjs.map')),
    inputs: inputFiles([...reachable(result.metafile, [`${entryPrefix}${worker.name}`]), ...prelude.inputs]),
  }
}

/** Written by hand around the mappings of the prelude, which are long, and the same for many functions. */
function mapOf({ map, mapEnd, mappings, lines }: Prelude, json: string): Uint8Array {
  const own = JSON.parse(json) as SourceMap
  const [sources, names] = [
    JSON.stringify([...map.sources, ...own.sources]),
    JSON.stringify([...map.names, ...own.names]),
  ]
  const head = `{"version":3,"sources":${sources},"names":${names},"mappings":"`
  return Buffer.concat([Buffer.from(head), mappings, Buffer.from(`${mappingsBehind(map, mapEnd, lines, own)}"}\n`)])
}

const output = ({ outputFiles }: Built, { name }: WorkerFile, end: string): string =>
  outputFiles.find(({ path }) => path.replaceAll('\\', '/').endsWith(`/functions/${name}${end}`))!.text

/**
 * CommonJS packages may call `require` for Node's own modules, or ask for `__dirname`; ES modules have neither. They
 * are given both, and only where they are used, so that all other functions stay free of Node and can go to any
 * platform.
 */
function neededBanner(code: string): string | undefined {
  const lines = [
    ...(code.includes('var __require = ')
      ? [
          `import { createRequire as __errandCreateRequire } from 'node:module'`,
          `const require = __errandCreateRequire(import.meta.url)`,
        ]
      : []),
    ...(usesUndeclared(code, '__dirname') ? [`const __dirname = import.meta.dirname`] : []),
    ...(usesUndeclared(code, '__filename') ? [`const __filename = import.meta.filename`] : []),
  ]
  return lines.length > 0 ? lines.join('\n') : undefined
}

/** esbuild renames a declaration of the user's own where anything in the bundle needs the name from outside. */
const usesUndeclared = (code: string, name: string): boolean =>
  new RegExp(String.raw`(?<![\w$.'"])${name}\b`).test(code) &&
  !new RegExp(`^(?:var|let|const) ${name}\\b`, 'm').test(code)

function failure({ root }: Project, worker: WorkerFile, error: unknown): FailedFunction {
  const { errors } = error as BuildFailure
  if (!Array.isArray(errors)) throw error
  return {
    worker,
    problems: errors.map((message) => messageProblem(root, message, worker.file)),
    missing: errors.flatMap(missingFile),
  }
}

function missingFile({ text, location }: Message): string[] {
  const path = /^Could not resolve "(\.[^"]*)"$/.exec(text)?.[1]
  return path !== undefined && location ? [posix.join(posix.dirname(location.file), path)] : []
}
