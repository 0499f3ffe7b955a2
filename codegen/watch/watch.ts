/**
 * Stays, and runs codegen again when a file changes that its outcome depends on.
 *
 * Folders are watched, not files and not the whole tree: editors replace a file by renaming another over it, which a
 * watch on the file does not survive, and a recursive watch on Linux would open every folder of node_modules.
 */
import { dirname, join, resolve } from 'node:path'
import { openFolderWatch, type FolderWatch } from './folderWatch.js'
import { generateWith, type CodegenReport, type GenerateOptions } from '../generate.js'
import { openInspector } from '../check/inspect.js'
import type { Memory } from '../openRun.js'
import { CodegenError } from '../check/problems.js'
import { jobFolders } from '../scan.js'

export interface WatchOptions extends Omit<GenerateOptions, 'check'> {
  /** Called after the first run, then after each run that changed something, or failed, or is good again. Awaited. */
  onRebuild: (outcome: CodegenReport | CodegenError) => void | Promise<void>
  /** Ends the watch. */
  signal: AbortSignal
}

/** Resolves when the signal has aborted and nothing runs any more. Rejects only where watching itself is impossible. */
export async function watch({ onRebuild, signal, ...options }: WatchOptions): Promise<void> {
  const inspector = openInspector({ ready: true })
  const memory: Memory = { inspector }
  const folders = openFolderWatch(signal)
  let last: CodegenReport | CodegenError | undefined
  try {
    while (!signal.aborted) {
      const outcome = await settle(memory, options, folders)
      if (last === undefined || isNews(outcome, last)) await onRebuild(outcome)
      last = outcome
      await folders.changed()
    }
  } finally {
    folders.close()
    await inspector.close()
  }
}

/**
 * Runs until every folder that matters is watched: what appeared in a new folder before its watch began is found by the
 * next run.
 */
async function settle(
  memory: Memory,
  options: GenerateOptions,
  folders: FolderWatch,
): Promise<CodegenReport | CodegenError> {
  await folders.cover(await foldersOf(options.root, memory))
  let outcome = await attempt(memory, options)
  while (await folders.cover(await foldersOf(options.root, memory)))
    outcome = merge(outcome, await attempt(memory, options))
  return outcome
}

async function attempt(memory: Memory, options: GenerateOptions): Promise<CodegenReport | CodegenError> {
  try {
    return await generateWith(memory, options)
  } catch (error) {
    if (error instanceof CodegenError) return error
    throw error
  }
}

/** Two runs in a row are told as one. */
function merge(
  first: CodegenReport | CodegenError,
  second: CodegenReport | CodegenError,
): CodegenReport | CodegenError {
  if (first instanceof CodegenError || second instanceof CodegenError) return second
  const both = (key: 'changed' | 'removed' | 'written'): string[] =>
    [...new Set([...first[key], ...second[key]])].toSorted()
  const durationMs = first.durationMs + second.durationMs
  return { ...second, changed: both('changed'), removed: both('removed'), written: both('written'), durationMs }
}

function isNews(outcome: CodegenReport | CodegenError, last: CodegenReport | CodegenError): boolean {
  if (outcome instanceof CodegenError || last instanceof CodegenError) return true
  return outcome.changed.length + outcome.removed.length + outcome.written.length > 0
}

/**
 * jobs/ and every folder in it, those of modules outside that jobs import, the project's own for its settings, and what
 * was installed.
 */
async function foldersOf(root: string, { cache, seen = new Set() }: Memory): Promise<Set<string>> {
  const inputs = [...Object.keys(cache?.files ?? {}), ...seen].filter((file) => !file.includes('node_modules/'))
  const inside = await jobFolders(root)
  return new Set([
    root,
    join(root, 'node_modules'),
    ...inside.map((folder) => join(root, folder)),
    ...inputs.map((file) => dirname(resolve(root, file))),
  ])
}
