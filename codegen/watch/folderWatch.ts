/**
 * Tells when something changes in any of a set of folders, a moment after the last change, so that a burst of changes
 * is one.
 */
import { existsSync, watch, type FSWatcher } from 'node:fs'
import { basename, dirname } from 'node:path'
import { configError } from '../../core/errors.js'

export interface FolderWatch {
  /**
   * Watches these folders and no others. True where one was not watched before. A folder that is not there yet is
   * waited for.
   */
  cover(folders: ReadonlySet<string>): Promise<boolean>
  /** Resolves after the next change, or at once after one that came unawaited; and when the signal aborts. */
  changed(): Promise<void>
  close(): void
}

/** Long enough for an editor that writes, renames and sets times; short enough not to be felt. */
const quietMs = 30

/** Where changes never stop, such as a log that grows beside the sources, one waits no longer than this. */
const longestMs = 500

export function openFolderWatch(signal: AbortSignal): FolderWatch {
  const watchers = new Map<string, FSWatcher>()
  const bell = openBell(signal)
  const stop = (folder: string): void => {
    watchers.get(folder)?.close()
    watchers.delete(folder)
  }
  const start = (folder: string): boolean => {
    if (watchers.has(folder)) return false
    const watcher = watchFolder(folder, (name) => {
      // a folder that goes away says its own name; made again under it, it needs a new watch
      if (name === basename(folder)) stop(folder)
      if (!isOwnOutput(name)) bell.ring()
    })
    if (watcher) watchers.set(folder, watcher)
    return watcher !== undefined
  }
  return {
    cover: async (folders) => {
      const wanted = new Set([...folders].map(nearestExisting))
      for (const folder of watchers.keys()) if (!wanted.has(folder)) stop(folder)
      return [...wanted].map(start).includes(true)
    },
    changed: () => bell.rung(),
    close: () => [...watchers.keys()].forEach(stop),
  }
}

function nearestExisting(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearestExisting(dirname(folder))
}

/** `undefined` where the folder has just gone. */
function watchFolder(folder: string, onChange: (name: string) => void): FSWatcher | undefined {
  try {
    const watcher = watch(folder, (_event, name) => onChange(name ?? ''))
    // some systems complain when a folder goes away
    watcher.on('error', () => onChange(basename(folder)))
    return watcher
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    if (code !== 'ENOSPC' && code !== 'EMFILE') throw cause
    throw configError(
      'The system allows no more watched folders. Raise fs.inotify.max_user_watches and max_user_instances, or run codegen without --watch.',
      cause,
    )
  }
}

const isOwnOutput = (name: string): boolean =>
  name === 'registry.gen.ts' || name === 'context.gen.ts' || name === '.errand' || name === '.git'

/** One waiter, any number of rings; a ring without a waiter is kept. */
function openBell(signal: AbortSignal) {
  let isRung = false
  let wake: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined
  let firstRingAt = 0
  const settle = (): void => {
    clearTimeout(timer)
    timer = undefined
    isRung = true
    wake?.()
  }
  signal.addEventListener('abort', settle, { once: true })
  return {
    ring(): void {
      if (signal.aborted) return
      if (timer === undefined) firstRingAt = performance.now()
      const leftMs = firstRingAt + longestMs - performance.now()
      clearTimeout(timer)
      timer = setTimeout(settle, Math.max(0, Math.min(quietMs, leftMs)))
    },
    async rung(): Promise<void> {
      if (!isRung && !signal.aborted) await new Promise<void>((resolve) => (wake = resolve))
      isRung = false
      wake = undefined
    },
  }
}
