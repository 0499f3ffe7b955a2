/** Files of a project as a run sees them: each is read once, so that every step works on the same text. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { absoluteFrom } from './contract/moduleGraph.js'

export interface Files {
  /** SHA-256 of the file as hex, or `''` where there is none. */
  hash(file: string): string
  /** Throws where there is no file. */
  text(file: string): string
}

/** Synchronous on purpose: a thousand small reads take 20 ms this way and several times that through promises. */
export function readFiles(root: string): Files {
  const contents = new Map<string, Buffer | undefined>()
  const hashes = new Map<string, string>()
  const read = (file: string): Buffer | undefined => {
    if (!contents.has(file)) contents.set(file, readOrNothing(absoluteFrom(root, file)))
    return contents.get(file)
  }
  return {
    hash(file) {
      const known = hashes.get(file)
      if (known !== undefined) return known
      const content = read(file)
      const hash = content ? sha256(content) : ''
      hashes.set(file, hash)
      return hash
    },
    text(file) {
      const content = read(file)
      if (!content) throw new Error(`Cannot read ${absoluteFrom(root, file)}.`)
      return content.toString()
    },
  }
}

function readOrNothing(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

export const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex')
