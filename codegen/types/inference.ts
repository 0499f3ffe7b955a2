/**
 * Asks the type checker what only it knows: what `run` returns where there is no `result` schema, and the parts of
 * schemas that are types alone (`z.custom<T>()`). One program for all workers that need it; kept by the watcher, so
 * that an edit checks one module again.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Project as MorphProject, ts, type SourceFile } from 'ts-morph'
import type { Project } from '../link/bundling.js'
import { standaloneType } from './checkerType.js'
import { absoluteFrom, inputFiles, relativeTo } from '../contract/moduleGraph.js'
import { text, type StandaloneType } from './typeModel.js'

export interface InferenceOrder {
  file: string
  /** The text that the checker shall see: the module, or as much of it as the question takes. */
  text: string
  /** The module as it is on disk. */
  original: string
  typeName: string
  /** Whether the args are asked for as well. */
  args: boolean
}

export interface Inferred {
  result: StandaloneType
  args?: StandaloneType
  /** Files relative to the root whose change may change the types. */
  inputs: string[]
}

export interface Inference {
  /** By file. Asked for all at once, since each new module means a new program. */
  infer(orders: readonly InferenceOrder[]): Map<string, Inferred>
  /** To be called where files may have changed since the last time. */
  refresh(): Promise<void>
}

export function openInference(project: Project): Inference {
  const morph = new MorphProject({
    compilerOptions: compilerOptions(project),
    skipAddingFilesFromTsConfig: true,
    skipFileDependencyResolution: true,
  })
  morph.addSourceFilesAtPaths(ambientFiles(project))
  const known = new Set<string>()
  /** By path, what was on disk where the checker was given a text. */
  const given = new Map<string, string>()
  return {
    infer(orders) {
      for (const { file, text: content, original } of orders) {
        const path = join(project.root, file)
        given.set(path, original)
        // each file that is put anew makes the checker begin anew
        if (morph.getSourceFile(path)?.getFullText() === content) continue
        morph.createSourceFile(path, content, { overwrite: true })
      }
      const resolve = moduleResolver(project, morph.getCompilerOptions())
      const inferred = orders.map((order) => [order.file, inferOne(project, morph, resolve, order)] as const)
      for (const [, { inputs }] of inferred) inputs.forEach((file) => known.add(file))
      return new Map(inferred)
    },
    async refresh() {
      const sources = [...known].map((file) => morph.getSourceFile(absoluteFrom(project.root, file)))
      await Promise.all(
        sources.map(async (source) => {
          if (!source) return
          const path = source.getFilePath()
          // as long as it is on disk as it was, what the checker was given in its place is good too
          if (given.has(path) && given.get(path) === readOrNothing(path)) return
          given.delete(path)
          await source.refreshFromFileSystem()
        }),
      )
    },
  }
}

function readOrNothing(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

type ResolveModule = (specifier: string, from: string) => string | undefined

function moduleResolver({ root }: Project, options: ts.CompilerOptions): ResolveModule {
  const cache = ts.createModuleResolutionCache(root, (path) => path, options)
  return (specifier, from) =>
    ts.resolveModuleName(specifier, from, options, ts.sys, cache).resolvedModule?.resolvedFileName
}

/** The project's own settings, as far as they decide what a type is. */
function compilerOptions({ root, errand }: Project): ts.CompilerOptions {
  const own = join(root, 'tsconfig.json')
  const read = existsSync(own) ? ts.getParsedCommandLineOfConfigFile(own, {}, configHost) : undefined
  const resolution: ts.CompilerOptions = errand.installed
    ? {}
    : { paths: { ...read?.options.paths, errand: [join(errand.folder, errand.types)] } }
  return {
    ...(read?.options ?? defaults),
    ...resolution,
    customConditions: [...(read?.options.customConditions ?? []), ...errand.conditions],
    noEmit: true,
    skipLibCheck: true,
  }
}

const defaults: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  strict: true,
}

const configHost: ts.ParseConfigFileHost = {
  ...ts.sys,
  // a tsconfig that cannot be read is for the compiler to complain about
  onUnRecoverableConfigFileDiagnostic: () => {},
}

/** Declarations that are simply there, such as the types of a global. */
function ambientFiles({ root }: Project): string[] {
  const own = join(root, 'tsconfig.json')
  if (!existsSync(own)) return []
  const read = ts.getParsedCommandLineOfConfigFile(own, {}, configHost)
  return read?.fileNames.filter((file) => /\.d\.[cm]?ts$/.test(file)) ?? []
}

function inferOne(
  project: Project,
  morph: MorphProject,
  resolve: ResolveModule,
  { file, typeName, args }: InferenceOrder,
): Inferred {
  const source = morph.getSourceFileOrThrow(join(project.root, file))
  const checker = morph.getTypeChecker().compilerObject
  const at = source.compilerNode
  const job = defaultExport(checker, at)
  const result = job && resultOf(job, checker, at)
  const input = args && job ? inputOf(job, checker, at) : undefined
  return {
    result: result ? standaloneType(result, checker, at, `${typeName}Result`) : unknownType,
    ...(input && { args: standaloneType(input, checker, at, `${typeName}Args`) }),
    inputs: inputFiles(imported(morph, source, resolve).map((file) => relativeTo(project.root, file))),
  }
}

const unknownType: StandaloneType = {
  type: text('unknown'),
  declarations: [],
  opaque: ['(all): what run returns could not be read'],
}

function defaultExport(checker: ts.TypeChecker, source: ts.SourceFile): ts.Type | undefined {
  const module = checker.getSymbolAtLocation(source)
  const symbol = module?.exports?.get(ts.InternalSymbolName.Default)
  if (!symbol) return undefined
  const real = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  return checker.getTypeOfSymbolAtLocation(real, source)
}

function resultOf(job: ts.Type, checker: ts.TypeChecker, at: ts.Node): ts.Type | undefined {
  const run = typeOfProperty(job, 'run', checker, at)
  const returned = run?.getCallSignatures()[0]?.getReturnType()
  return returned && checker.getAwaitedType(returned)
}

/** zod keeps a schema's input type in `_zod.input`. */
function inputOf(job: ts.Type, checker: ts.TypeChecker, at: ts.Node): ts.Type | undefined {
  const args = typeOfProperty(job, 'args', checker, at)
  const internals = args && typeOfProperty(args, '_zod', checker, at)
  return internals && typeOfProperty(internals, 'input', checker, at)
}

function typeOfProperty(type: ts.Type, name: string, checker: ts.TypeChecker, at: ts.Node): ts.Type | undefined {
  const property = checker.getPropertyOfType(type, name)
  return property && checker.getTypeOfSymbolAtLocation(property, at)
}

/** The module and all it imports, types included. */
function imported(morph: MorphProject, source: SourceFile, resolve: ResolveModule): string[] {
  const program = morph.getProgram().compilerObject
  const seen = new Set([source.getFilePath() as string])
  for (const path of seen) {
    const file = program.getSourceFile(path)
    if (!file || path.includes('/node_modules/')) continue
    for (const { text: specifier } of importSpecifiers(file)) {
      const found = resolve(specifier, path)
      if (found !== undefined) seen.add(found)
    }
  }
  return [...seen]
}

/**
 * Filled by the parser with every import, export from, dynamic import and import type; not in TypeScript's public
 * types.
 */
const importSpecifiers = (file: ts.SourceFile): readonly ts.StringLiteralLike[] =>
  (file as unknown as { imports?: readonly ts.StringLiteralLike[] }).imports ?? []
