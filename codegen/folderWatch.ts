/** Tells when something changes in any of a set of folders, a moment after the last change, so that a burst of changes is one. */
import { existsSync, statSync, watch, type FSWatcher } from 'node:fs'
import { dirname } from 'node:path'
import { configError } from '../core/errors.js'

export interface FolderWatch {
  /** Watches these folders and no others. True where one was not watched before. A folder that is not there yet is waited for. */
  cover(folders: ReadonlySet<string>): Promise<boolean>
  /** Resolves after the next change, or at once after one that nobody waited for; and when the signal aborts. */
  changed(): Promise<void>
  close(): void
}

/** Long enough for an editor that writes, renames and sets times; short enough not to be felt. */
const quietMs = 30

export function openFolderWatch(signal: AbortSignal): FolderWatch {
  const watchers = new Map<string, { inode: number; watcher: FSWatcher }>()
  const bell = openBell(signal)
  const stop = (folder: string): void => {
    watchers.get(folder)?.watcher.close()
    watchers.delete(folder)
  }
  const start = (folder: string): boolean => {
    const inode = statSync(folder).ino
    // a folder that was removed and made again has the same name, but its old watch is dead
    if (watchers.get(folder)?.inode === inode) return false
    stop(folder)
    watchers.set(folder, { inode, watcher: watchFolder(folder, () => bell.ring()) })
    return true
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

function watchFolder(folder: string, ring: () => void): FSWatcher {
  try {
    const watcher = watch(folder, (_event, name) => {
      if (name === null || !isOwnOutput(name)) ring()
    })
    // a folder that goes away makes some systems complain; its parent tells of it too
    watcher.on('error', ring)
    return watcher
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') throw cause
    throw configError(
      'The system allows no more watched folders. Raise fs.inotify.max_user_watches, or run codegen without --watch.',
      cause,
    )
  }
}

const isOwnOutput = (name: string): boolean => name === 'registry.gen.ts' || name === '.errand' || name === '.git'

/** One waiter, any number of rings; a ring that nobody waits for is kept. */
function openBell(signal: AbortSignal) {
  let isRung = false
  let wake: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined
  const settle = (): void => {
    isRung = true
    wake?.()
  }
  signal.addEventListener(
    'abort',
    () => {
      clearTimeout(timer)
      settle()
    },
    { once: true },
  )
  return {
    ring(): void {
      clearTimeout(timer)
      if (!signal.aborted) timer = setTimeout(settle, quietMs)
    },
    async rung(): Promise<void> {
      if (!isRung && !signal.aborted) await new Promise<void>((resolve) => (wake = resolve))
      isRung = false
      wake = undefined
    },
  }
}
