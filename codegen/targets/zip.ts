/**
 * A zip whose bytes depend on nothing but its files: fixed dates and rights, and a compressor in plain JavaScript,
 * which is the same on every machine.
 */
import { zipSync, type Zippable } from 'fflate'
import { compare } from '../check/problems.js'
import type { TargetFile } from './target.js'

/** The earliest a zip can say. By parts, because a zip holds local time. */
const epoch = new Date(1980, 0, 1)
/** A plain file that every user may read. Lambda's user is not the one who zipped. */
const rights = 0o100644 << 16
const unix = 3

export function zip(files: readonly TargetFile[]): Uint8Array {
  const entries = files
    .toSorted((a, b) => compare(a.path, b.path))
    .map(({ path, content }): [string, Zippable[string]] => [
      path,
      [Buffer.from(content), { mtime: epoch, os: unix, attrs: rights, level: 9 }],
    ])
  return zipSync(Object.fromEntries(entries))
}
