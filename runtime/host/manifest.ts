/**
 * The part of `manifest.json`, as codegen writes it, that a host reads: which workers there are, and where their
 * bundles lie.
 */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { configError } from '../../core/errors.js'

/** The path of each worker's bundle, by the worker's name. */
export function readManifest(dir: string): Map<string, string> {
  const file = join(dir, 'manifest.json')
  try {
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as { workers: Record<string, { function: string }> }
    return new Map(
      Object.entries(manifest.workers).map(([worker, { function: path }]) => [worker, resolve(dir, path)] as const),
    )
  } catch (error) {
    throw configError(
      `The functions in ${dir} cannot be served: ${file} cannot be read. Run \`errand codegen\`.`,
      error,
    )
  }
}
