/** Puts files in place all at once at the end: written beside, then renamed, and only where their bytes differ. */
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { compare } from './problems.js'

export interface Output {
  /** Keeps the content beside its place until `commit`. Does nothing where the file has these bytes already. */
  put(file: string, content: string | Uint8Array): Promise<void>
  /** Puts every file in place, in the order they were put. Gives those that were written, sorted. */
  commit(): Promise<string[]>
  /** Forgets what was not committed. */
  discard(): Promise<void>
}

export function openOutput(root: string): Output {
  const staging = join(root, '.errand', `staging-${process.pid}-${randomBytes(4).toString('hex')}`)
  const pending = new Map<string, string>()
  let count = 0
  return {
    async put(file, content) {
      const bytes = Buffer.from(content)
      if (await holds(join(root, file), bytes)) return
      const staged = join(staging, String(count++))
      await mkdir(staging, { recursive: true })
      await writeFile(staged, bytes)
      pending.set(file, staged)
    },
    async commit() {
      for (const [file, staged] of pending) {
        await mkdir(dirname(join(root, file)), { recursive: true })
        await rename(staged, join(root, file))
      }
      const written = [...pending.keys()].toSorted(compare)
      pending.clear()
      return written
    },
    async discard() {
      pending.clear()
      await rm(staging, { recursive: true, force: true })
    },
  }
}

/** Nothing is ever written: for `--check`. */
export const noOutput: Output = { put: async () => {}, commit: async () => [], discard: async () => {} }

/** Nothing is written, and what would be can be read. */
export function memoryOutput(): Output & { readonly files: ReadonlyMap<string, string> } {
  const files = new Map<string, string>()
  return { ...noOutput, files, put: async (file, content) => void files.set(file, Buffer.from(content).toString()) }
}

async function holds(path: string, bytes: Buffer): Promise<boolean> {
  try {
    return bytes.equals(await readFile(path))
  } catch {
    return false
  }
}

/** Functions of workers that are gone, deleted. Gives their names. */
export async function removeFunctions(root: string, keep: ReadonlySet<string>): Promise<string[]> {
  const folder = join(root, '.errand', 'functions')
  const names = await readdir(folder).catch(() => [])
  const gone = names.filter((name) => !keep.has(name)).toSorted(compare)
  await Promise.all(gone.map((name) => rm(join(folder, name), { recursive: true, force: true })))
  return gone
}
