/**
 * Files of a project that is watched. Each change is there at once: a machine that is busy does not show half of it.
 */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { tmpdir } from 'node:os'

/** Written elsewhere and moved to its place, so a watch sees one change, and never the file empty. */
export function writeAtOnce(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true })
  const drafts = mkdtempSync(join(tmpdir(), 'errand-draft-'))
  const draft = join(drafts, 'draft')
  writeFileSync(draft, content)
  renameSync(draft, path)
  rmSync(drafts, { recursive: true })
}

/** With all that is in it, before anything else in this process takes its turn. */
export const removeAtOnce = (path: string): void => rmSync(path, { recursive: true })
