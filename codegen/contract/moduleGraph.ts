/** Reads from esbuild's metafile what a bundle was made from: the files whose change means it must be made again. */
import { isAbsolute, relative } from 'node:path'
import type { Metafile } from 'esbuild'
import { compare } from '../check/problems.js'

/** `?contract` marks the cut version of a module; it is the same file. */
export const contractSuffix = '?contract'

/** All modules of the graph that start leads to, start itself among them; keys of the metafile. */
export function reachable(metafile: Metafile, start: readonly string[]): Set<string> {
  const seen = new Set(start)
  for (const key of seen) {
    for (const { path, external } of metafile.inputs[key]?.imports ?? []) {
      if (!external && path in metafile.inputs) seen.add(path)
    }
  }
  return seen
}

/**
 * Files relative to the root, sorted. A file of an installed package stands for its whole package, by its package.json:
 * packages change by being installed, and hashing each of their files would cost more than bundling.
 */
export function inputFiles(keys: Iterable<string>): string[] {
  const files = [...keys].filter((key) => !isVirtual(key)).map((key) => packageFile(stripSuffix(key)))
  return [...new Set(files)].toSorted(compare)
}

export const stripSuffix = (key: string): string =>
  key.endsWith(contractSuffix) ? key.slice(0, -contractSuffix.length) : key

/** Modules that are no files carry their namespace: `errand-function:mail.send`, `<stdin>`. */
export const isVirtual = (key: string): boolean => key.startsWith('<') || /^[\w-]{2,}:/.test(key)

/** `node_modules/@a/b/lib/c.js` → `node_modules/@a/b/package.json`. */
function packageFile(file: string): string {
  const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)
  return match ? `${match[1]}/package.json` : file
}

/** A path as everything in .errand/ and every message writes it: relative to the root, with `/`. */
export const relativeTo = (root: string, path: string): string =>
  (isAbsolute(path) ? relative(root, path) : path).replaceAll('\\', '/')

/**
 * Not `join`: it is called for every file of every worker, and normalising the path would take longer than reading the
 * file.
 */
export const absoluteFrom = (root: string, file: string): string => (isAbsolute(file) ? file : `${root}/${file}`)
