/**
 * zod and errand are in every function, and linking them takes esbuild ten times as long as everything else of it. So a
 * function is linked in two parts: its own code, with a stand-in for each name that it takes from the two; and before
 * it a prelude that holds these names, which all functions that take the same ones share.
 *
 *   var __errandPackages = (() => { …zod, errand… })()                         the prelude, linked once
 *   var __errandShared = (name) => __errandPackages.shared[name]
 *   var object = __errandShared("node_modules/zod/index.js#object")            a stand-in, marked pure: unused ones are shaken off
 *
 * A prelude's content depends on the function's own code alone, so its bytes are the same in any company.
 */
import type { OnLoadResult, OnResolveArgs, OnResolveResult, PluginBuild } from 'esbuild'
import { bundleDefaults, isErrand, resolving, type Project } from './bundling.js'
import { inputFiles, relativeTo } from '../contract/moduleGraph.js'
import { compare } from '../check/problems.js'
import { endOf, type MapEnd, type SourceMap } from './sourceMaps.js'

export interface Prelude {
  code: Buffer
  lines: number
  map: SourceMap
  mapEnd: MapEnd
  /** Of the map. */
  mappings: Buffer
  /** Files relative to the root whose change means it must be made again. */
  inputs: string[]
}

export interface SharedPackages {
  /**
   * Gives esbuild stand-ins for what modules import of shared packages, as far as they are accepted. Goes before
   * plugins that resolve them otherwise. Default: all are.
   */
  stand(build: PluginBuild, accepts?: (specifier: string) => boolean): void
  /** For a text whose code was linked with stand-ins. */
  preludeFor(code: string): Promise<Prelude>
  /** Of all preludes so far. */
  inputs(): Set<string>
}

const namespace = 'errand-shared'

/** Other parts of errand, and zod where it is `require`d, are for other places than functions, and stay whole. */
const sharedSpecifier = /^(?:zod(?:\/.*)?|errand(?:\/client|\/runtime)?)$/

/**
 * The names that nearly every worker takes, and those that add next to nothing where z.object is: measured with zod
 * 4.6, 20 kB of 190 for all of these. They are in each prelude that has zod, so that a thousand workers share a few
 * preludes instead of having hundreds of their own.
 */
const commonOfZod =
  'any array base64 boolean cuid custom date discriminatedUnion email enum int int32 ipv4 keyof lazy literal looseObject nativeEnum never null nullable nullish number object optional pipe readonly refine strictObject string superRefine transform undefined union unknown url uuid void ZodError ZodType'.split(
    ' ',
  )

export function openSharedPackages(project: Project): SharedPackages {
  const exportsOf = memo((path: string) => exportNames(project, path))
  /** By what its names begin with in stand-ins. */
  const modules = new Map<string, string>()
  const preludeOf = memo((names: string) => linkPrelude(project, names.split('\n'), modules))
  const inputs = new Set<string>()

  return {
    stand(build, accepts = () => true) {
      // the workers of a folder ask the same
      const resolved = new Map<string, Promise<string | undefined>>()
      build.onResolve({ filter: sharedSpecifier }, async (args): Promise<OnResolveResult | undefined> => {
        if (args.pluginData === resolving || !accepts(args.path)) return undefined
        if (args.kind !== 'import-statement' && args.kind !== 'dynamic-import') return undefined
        const key = `${args.path}\n${args.resolveDir}`
        const found = resolved.get(key) ?? resolveModule(build, project, args)
        resolved.set(key, found)
        const path = await found
        if (path === undefined) return undefined
        const name = relativeTo(project.root, path)
        modules.set(name, path)
        return { path: name, namespace, sideEffects: false }
      })
      build.onLoad({ filter: /.*/, namespace }, async ({ path: name }): Promise<OnLoadResult> => {
        return { contents: standIns(name, await exportsOf(modules.get(name)!)), loader: 'js' }
      })
    },
    async preludeFor(code) {
      const names = await namesIn(code, modules, exportsOf)
      const prelude = await preludeOf(names.join('\n'))
      prelude.inputs.forEach((input) => inputs.add(input))
      return prelude
    },
    inputs: () => inputs,
  }
}

/** Where an import of a shared package leads, or `undefined` where it is not ours to stand in for. */
async function resolveModule(
  build: PluginBuild,
  { errand }: Project,
  { path, kind, importer, resolveDir }: OnResolveArgs,
): Promise<string | undefined> {
  const own = await build.resolve(path, { kind, importer, resolveDir, pluginData: resolving })
  // a project may hold jobs and no copy of errand; it then gets the one that runs
  const found =
    own.errors.length > 0 && isErrand(path)
      ? await build.resolve(path, { kind, resolveDir: errand.folder, pluginData: resolving })
      : own
  return found.errors.length > 0 || found.external || found.namespace !== 'file' ? undefined : found.path
}

/** Names that are words of the language can be exported, and not declared. */
const standIns = (module: string, names: readonly string[]): string =>
  names
    .map((name) => {
      const standIn = `/* @__PURE__ */ __errandShared(${JSON.stringify(`${module}#${name}`)})`
      return words.has(name)
        ? `const standIn_${name} = ${standIn}; export { standIn_${name} as ${name} }`
        : `export const ${name} = ${standIn}`
    })
    .join('\n')

const words = new Set(
  'await break case catch class const continue debugger default delete do else enum export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield arguments eval'.split(
    ' ',
  ),
)

/** The names that a module exports, sorted. */
async function exportNames(project: Project, path: string): Promise<string[]> {
  const { build } = await import('esbuild')
  const { metafile } = await build({
    ...bundleDefaults(project),
    entryPoints: [path],
    outdir: '.errand',
    packages: 'external',
  })
  const names = Object.values(metafile.outputs).flatMap(({ exports }) => exports)
  return names.toSorted(compare)
}

/** `module#name` of each stand-in that the code has, and of what comes along with these. Sorted. */
async function namesIn(
  code: string,
  modules: ReadonlyMap<string, string>,
  exportsOf: (path: string) => Promise<string[]>,
): Promise<string[]> {
  const names = new Set(Array.from(code.matchAll(/__errandShared\("([^"]+)"\)/g), ([, name]) => name!))
  const used = new Set(Array.from(names, (name) => moduleOf(name)))
  for (const module of used) {
    const path = modules.get(module)
    // a text of the worker's own that looks like one of ours
    if (path === undefined) continue
    const known = await exportsOf(path)
    // the package's front door; zod/mini is there to be small
    if (!known.includes('ZodObject')) continue
    for (const name of commonOfZod) if (known.includes(name)) names.add(`${module}#${name}`)
  }
  return [...names].filter((name) => modules.has(moduleOf(name))).toSorted(compare)
}

const moduleOf = (name: string): string => name.slice(0, name.lastIndexOf('#'))
const exportOf = (name: string): string => name.slice(name.lastIndexOf('#') + 1)

async function linkPrelude(
  project: Project,
  names: readonly string[],
  modules: ReadonlyMap<string, string>,
): Promise<Prelude> {
  const { build } = await import('esbuild')
  const imports = names.map(
    (name, index) => `import { ${exportOf(name)} as v${index} } from ${JSON.stringify(modules.get(moduleOf(name))!)}`,
  )
  const shared = names.map((name, index) => `  ${JSON.stringify(name)}: v${index},`)
  const { outputFiles, metafile } = await build({
    ...bundleDefaults(project),
    // names are kept for workers' own code; these packages name by themselves what is known by its name, and the rest is a
    // tenth of their size
    keepNames: false,
    format: 'iife',
    globalName: '__errandPackages',
    stdin: {
      contents: [...imports, 'export const shared = {', ...shared, '}'].join('\n'),
      resolveDir: project.root,
      sourcefile: 'errand-packages',
    },
    // no person reads it, and a thousand functions hold it
    minifyWhitespace: true,
    lineLimit: 500,
    // beside a function, so that the paths of its sources are the same
    outfile: '.errand/functions/prelude/index.mjs',
    sourcemap: 'external',
    sourcesContent: false,
  })
  const textOf = (end: string): string => outputFiles.find(({ path }) => path.endsWith(end))!.text
  const map = JSON.parse(textOf('.map')) as SourceMap
  const linked = textOf('.mjs')
  const text = `${linked}${linked.endsWith('\n') ? '' : '\n'}var __errandShared = (name) => __errandPackages.shared[name];\n`
  return {
    code: Buffer.from(text),
    lines: text.split('\n').length - 1,
    map,
    mapEnd: endOf(map),
    mappings: Buffer.from(map.mappings),
    inputs: inputFiles(Object.keys(metafile.inputs)),
  }
}

function memo<Value>(make: (key: string) => Promise<Value>): (key: string) => Promise<Value> {
  const made = new Map<string, Promise<Value>>()
  return (key) => {
    const known = made.get(key)
    if (known) return known
    const making = make(key)
    made.set(key, making)
    // a module that is being written may be whole the next time
    making.catch(() => made.delete(key))
    return making
  }
}
