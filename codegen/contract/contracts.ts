/**
 * Links contracts: the cut modules and the local modules that they share, as one script that gives a loader for each.
 * The parts of zod and errand that they take stand in a prelude of all contracts (link/sharedPackages.ts). Each
 * contract is loaded when it is asked for, so a coordinator of a thousand workers starts as fast as one of ten.
 *
 * Other packages are never even parsed: they are marked external, and one that is still there in the end is needed by a
 * contract, which is an error (see needs.ts for its telling).
 */
import { readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join } from 'node:path'
import type {
  BuildFailure,
  BuildOptions,
  BuildResult,
  Metafile,
  OnResolveArgs,
  OnResolveResult,
  Plugin,
  PluginBuild,
} from 'esbuild'
import {
  bundleDefaults,
  isInstalled,
  loaderOf,
  localModule,
  messageProblem,
  resolveErrand,
  resolving,
  type Project,
} from '../link/bundling.js'
import { contractSuffix, relativeTo } from './moduleGraph.js'
import { compare, type Problem } from '../check/problems.js'
import { purify, type Purified } from './purify.js'
import type { SharedPackages } from '../link/sharedPackages.js'
import { contractText, type Range } from './slice.js'
import { parseModule } from './sourceModule.js'
import { endOf, type MapEnd, type SourceMap } from '../link/sourceMaps.js'
import { namespaceZod } from './zodImport.js'

/** A worker's contract before bundling. */
export interface ContractSource {
  worker: string
  /** The module that holds `defineJob`: the worker's own, or the one it re-exports. */
  module: string
  dropped: readonly Range[]
  /** Hash of what the cut leaves of the module. */
  key: string
}

export interface LinkedContracts {
  /** Lines, each of them ended: a declaration of `name`, whose `default` has the loaders by worker. */
  code: string
  lines: number
  map: SourceMap
  mapEnd: MapEnd
  metafile: Metafile
  warnings: string[]
}

/** Shared by several links. */
export interface ContractLinking {
  project: Project
  shared: SharedPackages
  /** By path and text: shared modules are in many links. */
  purified: Map<string, Purified>
}

/** Contracts may use these beside local modules: schemas, and code that computes from its arguments alone. */
const allowedPackages = ['zod', 'errand']
const allowedBuiltins = ['buffer', 'crypto', 'path', 'punycode', 'querystring', 'string_decoder', 'url', 'util']

/** `name` is the variable that holds them. */
export async function linkContracts(
  linking: ContractLinking,
  sources: readonly ContractSource[],
  name: string,
): Promise<LinkedContracts | { problems: Problem[] }> {
  const { build } = await import('esbuild')
  const { project } = linking
  const warnings = new Set<string>()
  try {
    const result = await build({
      ...bundleDefaults(project),
      format: 'iife',
      globalName: name,
      stdin: { contents: contractEntry(sources), resolveDir: project.root, sourcefile: 'contracts' },
      outfile: '.errand/contracts.mjs',
      sourcemap: 'external',
      sourcesContent: false,
      plugins: [contractPlugin(linking, sources, warnings)],
    })
    return readResult(result, [...warnings].toSorted(compare))
  } catch (error) {
    const { errors } = error as BuildFailure
    if (!Array.isArray(errors)) throw error
    return { problems: errors.map((message) => messageProblem(project.root, message, sources[0]!.module)) }
  }
}

/** The packages and modules of Node that contracts still need and must not; an empty list is a good bundle. */
export function forbiddenImports({ outputs }: Metafile): string[] {
  const external = Object.values(outputs).flatMap(({ imports }) => imports.filter((one) => one.external))
  return [...new Set(external.map(({ path }) => path))].filter((path) => !isAllowedBuiltin(path)).toSorted(compare)
}

export const contractKeyOf = (module: string): string => `${module}${contractSuffix}`

function contractEntry(sources: readonly ContractSource[]): string {
  const lines = sources.map(({ worker, module }) => {
    const from = JSON.stringify(`errand-contract:${module}`)
    return `  ${JSON.stringify(worker)}: () => import(${from}).then((module) => module.default),`
  })
  return `export default {\n${lines.join('\n')}\n}\n`
}

function readResult(
  { outputFiles, metafile }: BuildResult<BuildOptions & { metafile: true; write: false }>,
  warnings: string[],
): LinkedContracts {
  const textOf = (end: string): string => outputFiles.find(({ path }) => path.endsWith(end))!.text
  const code = textOf('contracts.mjs')
  const map = JSON.parse(textOf('contracts.mjs.map')) as SourceMap
  return { code, lines: code.split('\n').length - 1, map, mapEnd: endOf(map), metafile, warnings }
}

function contractPlugin(
  { project, shared, purified }: ContractLinking,
  sources: readonly ContractSource[],
  warnings: Set<string>,
): Plugin {
  const dropped = new Map(sources.map((source) => [source.module, source.dropped]))
  const { root, errand } = project
  return {
    name: 'errand-contract',
    setup(build) {
      build.onResolve({ filter: /^errand-contract:/ }, ({ path }) => ({
        path: join(root, path.slice('errand-contract:'.length)),
        suffix: contractSuffix,
      }))
      shared.stand(build, isAllowedPackage)
      resolveErrand(build, project)
      build.onResolve({ filter: /.*/ }, (args) => {
        if (args.kind === 'entry-point' || args.pluginData === resolving) return undefined
        if (isInstalled(args.importer) || isErrandsOwn(args.importer, errand.folder)) return undefined
        return resolveLocal(build, args)
      })
      // synchronously: a thousand small files take longer through promises
      build.onLoad({ filter: localModule }, ({ path, suffix }) => {
        if (isInstalled(path)) return undefined
        const text = readFileSync(path, 'utf8')
        const file = relativeTo(root, path)
        if (suffix === contractSuffix) {
          return { contents: namespaceZod(contractText(text, dropped.get(file)!)), loader: loaderOf(path) }
        }
        const key = `${file}\n${text}`
        const pure = purified.get(key) ?? purify(parseModule(file, text))
        purified.set(key, pure)
        pure.warnings.forEach((warning) => warnings.add(warning))
        return { contents: namespaceZod(pure.text), loader: loaderOf(path), resolveDir: dirname(path) }
      })
    },
  }
}

/** In errand's own repository jobs/ lies inside the package, so being in its folder is not enough. */
const isErrandsOwn = (path: string, folder: string): boolean =>
  path.startsWith(join(folder, 'core')) || path.startsWith(join(folder, 'dist'))

async function resolveLocal(build: PluginBuild, args: OnResolveArgs): Promise<OnResolveResult | undefined> {
  const { path, importer, resolveDir, kind } = args
  if (isAllowedBuiltin(path)) return { path, external: true, sideEffects: false }
  if (isAllowedPackage(path)) return undefined
  const found = isBuiltin(path)
    ? undefined
    : await build.resolve(path, { importer, resolveDir, kind, pluginData: resolving })
  const isLocal = found !== undefined && found.errors.length === 0 && !found.external && !isInstalled(found.path)
  // a path that leads nowhere is esbuild's to complain about, a package that is not there is external like any other
  if (isLocal) return { path: found.path, namespace: found.namespace, suffix: found.suffix, sideEffects: false }
  return /^[./]/.test(path) ? undefined : { path, external: true, sideEffects: false }
}

const isAllowedPackage = (path: string): boolean =>
  allowedPackages.some((name) => path === name || (name === 'zod' && path.startsWith('zod/')))

const isAllowedBuiltin = (path: string): boolean =>
  isBuiltin(path) && allowedBuiltins.includes(path.replace(/^node:/, ''))
