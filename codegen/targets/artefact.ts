/**
 * The core artefact of a worker: `export default { fetch }` in one module, the same bytes for every platform. It is
 * codegen's function, put through esbuild once more: that tells what it imports, makes it small, and writes a map whose
 * sources are relative to the project.
 */
import { builtinModules } from 'node:module'
import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { BuildOptions } from 'esbuild'
import type { Project } from '../link/bundling.js'
import { sha256 } from '../files.js'
import { functionFile } from '../manifest.js'
import { relativeTo } from '../contract/moduleGraph.js'
import { noBuild } from '../../core/functions/ping.js'
import { compare } from '../check/problems.js'
import type { WorkerFacts } from './workerFacts.js'

export const artefactName = 'job.mjs'

export interface Artefact {
  worker: WorkerFacts
  code: Uint8Array
  /** The source map as JSON text. It names the sources and does not hold them. */
  map: string
  /** Modules it imports when it runs, sorted: Node's own modules as `node:fs`, and packages that are kept outside. */
  imports: string[]
  sha256: string
  gzipBytes: number
  /** By which the function names its build; it stands in its code. */
  build: string
}

/** No person reads a deployed file, and its map tells stacks; so blanks and comments always go, and names on demand. */
export const artefactFormat = {
  write: false,
  bundle: true,
  minifyWhitespace: true,
  minifySyntax: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'silent',
} as const satisfies BuildOptions

/** Enough for esbuild to be quick, few enough to bound memory. */
const chunkSize = 50

export async function makeArtefacts(
  project: Project,
  workers: readonly WorkerFacts[],
  { minify }: { minify: boolean },
): Promise<Artefact[]> {
  const artefacts: Artefact[] = []
  for (let start = 0; start < workers.length; start += chunkSize) {
    artefacts.push(...(await makeChunk(project, workers.slice(start, start + chunkSize), minify)))
  }
  return artefacts
}

async function makeChunk(project: Project, workers: readonly WorkerFacts[], minify: boolean): Promise<Artefact[]> {
  const { build } = await import('esbuild')
  const { metafile, outputFiles } = await build({
    absWorkingDir: project.root,
    entryPoints: workers.map(({ name }) => ({ in: `.errand/${functionFile(name)}`, out: name })),
    // nothing is written; it makes the map's sources relative to the root
    outdir: project.root,
    outExtension: { '.js': '.mjs' },
    ...artefactFormat,
    metafile: true,
    minifyIdentifiers: minify,
    packages: 'external',
    sourcemap: 'external',
    sourcesContent: false,
  })
  const text = (file: string): string => outputFiles.find(({ path }) => relativeTo(project.root, path) === file)!.text
  return Promise.all(
    workers.map(async (worker): Promise<Artefact> => {
      const file = `${worker.name}.mjs`
      const unnamed = `${text(file)}//# sourceMappingURL=${artefactName}.map\n`
      // the same length, so that the map holds
      const build = sha256(unnamed).slice(0, noBuild.length)
      const code = Buffer.from(unnamed.replace(noBuild, build))
      return {
        worker,
        code,
        map: portableMap(project, text(`${file}.map`)),
        imports: importsOf(
          metafile.outputs[file]!.imports,
          await readFile(join(project.root, '.errand', functionFile(worker.name)), 'utf8'),
        ),
        sha256: sha256(code),
        gzipBytes: gzipSync(code, { level: 9 }).length,
        build,
      }
    }),
  )
}

/**
 * Errand's own modules are told as parts of its package, not by its folder, so that the bytes are the same on every
 * machine.
 */
function portableMap({ root, errand }: Project, json: string): string {
  const map = JSON.parse(json) as { sources: string[] }
  const own = `${relative(root, errand.folder).replaceAll('\\', '/')}/`
  const sources = map.sources.map((source) =>
    own !== '/' && source.startsWith(own) ? `node_modules/errand/${source.slice(own.length)}` : source,
  )
  return `${JSON.stringify({ ...map, sources })}\n`
}

/**
 * esbuild tells of `import`; what CommonJS packages `require` when they run stands in the code alone, in codegen's that
 * is not minified.
 */
function importsOf(imports: readonly { path: string }[], code: string): string[] {
  const required = Array.from(code.matchAll(/(?<![.$\w])(?:__)?require\d*\((["'])([^"']+)\1\)/g), ([, , name]) => name!)
  const paths = [...imports.map(({ path }) => path), ...required.filter(isBuiltin)].map(canonical)
  return [...new Set(paths)].toSorted(compare)
}

const builtins = new Set(builtinModules)
export const isBuiltin = (name: string): boolean => name.startsWith('node:') || builtins.has(name)
const canonical = (name: string): string => (builtins.has(name) ? `node:${name}` : name)
