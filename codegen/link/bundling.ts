/** Calls esbuild and tells its complaints, for both bundles: of contracts and of functions. */
import { readFile } from 'node:fs/promises'
import type { BuildOptions, Message, OnLoadResult, PluginBuild } from 'esbuild'
import type { ErrandPackage } from '../errandPackage.js'
import { relativeTo, stripSuffix } from '../contract/moduleGraph.js'
import type { Problem } from '../check/problems.js'

export interface Project {
  root: string
  /**
   * The name in package.json, or `"errand": { "project": "…" }` there: whose jobs and schedules they are in the
   * database.
   */
  name: string | undefined
  errand: ErrandPackage
  /**
   * Packages that stay outside functions because they cannot be bundled: native addons, and what finds its files by its
   * own path. The rule is `"errand": { "external": ["sharp"] }` in the project's package.json; they must be installed
   * where the function runs.
   */
  external: readonly string[]
}

export const bundleDefaults = ({ root, errand }: Project) =>
  ({
    absWorkingDir: root,
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    keepNames: true,
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'silent',
    logLimit: 0,
    conditions: errand.conditions,
  }) satisfies BuildOptions

export const localModule = /\.[cm]?[jt]sx?$/

export const isInstalled = (path: string): boolean => path.replaceAll('\\', '/').includes('/node_modules/')

export function loaderOf(path: string): 'ts' | 'tsx' | 'js' | 'jsx' {
  if (/\.[cm]?ts$/.test(path)) return 'ts'
  if (path.endsWith('.tsx')) return 'tsx'
  return path.endsWith('.jsx') ? 'jsx' : 'js'
}

export const isErrand = (specifier: string): boolean => /^errand(?:\/|$)/.test(specifier)

/** A project may hold jobs and no copy of errand; it then gets the one that runs. */
export function resolveErrand(build: PluginBuild, { root, errand }: Project): void {
  build.onResolve({ filter: /^errand(?:\/|$)/ }, async ({ path, kind, resolveDir, pluginData }) => {
    if (pluginData === resolving) return undefined
    const own = await build.resolve(path, { kind, resolveDir: resolveDir || root, pluginData: resolving })
    if (own.errors.length === 0) return own
    const running = await build.resolve(path, { kind, resolveDir: errand.folder, pluginData: resolving })
    return running.errors.length === 0 ? running : own
  })
}

/** Marks a resolve that a plugin asked for itself, so that it does not answer its own question. */
export const resolving = Symbol('resolving')

export async function loadText(path: string, edit: (text: string) => string): Promise<OnLoadResult | undefined> {
  const text = await readFile(path, 'utf8')
  const edited = edit(text)
  return edited === text ? undefined : { contents: edited, loader: loaderOf(path) }
}

/** esbuild's complaint in our form. Its columns count UTF-8 bytes from 0. */
export function messageProblem(root: string, { text, location }: Message, fallback: string): Problem {
  const message = `${text.replace(/\.?$/, '.')}${unresolved(text)}`
  if (!location) return { file: fallback, line: 1, column: 1, message }
  const column = Buffer.from(location.lineText).subarray(0, location.column).toString().length + 1
  return { file: relativeTo(root, stripSuffix(location.file)), line: location.line, column, message }
}

function unresolved(text: string): string {
  const wanted = /^Could not resolve "(.+)"$/.exec(text)?.[1]
  if (wanted === undefined) return ''
  return /^[./]/.test(wanted) ? ' Is the path right?' : ` Is it installed? npm install ${packageOf(wanted)}`
}

/** `@a/b/c` → `@a/b`. */
export const packageOf = (specifier: string): string =>
  specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
