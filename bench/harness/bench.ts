/**
 * What lasts as long as one call of the bench: its temporary folder, and the project of jobs that Errand runs in it.
 */
import { rmSync } from 'node:fs'
import { chmod, mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeProject } from '../systems/errandJobs.js'

export interface Bench extends AsyncDisposable {
  /** A new, empty folder. */
  folder(name: string): Promise<string>
  /** Made by codegen when it is first asked for. */
  project(): Promise<{ dir: string }>
  log(line: string): void
}

export async function openBench(log: (line: string) => void): Promise<Bench> {
  const root = await mkdtemp(join(tmpdir(), 'errand-bench-'))
  // PostgreSQL runs as a user of its own, and must find its folder in there
  await chmod(root, 0o711)
  const clear = () => rmSync(root, { recursive: true, force: true })
  process.once('exit', clear)
  let folders = 0
  let project: Promise<{ dir: string }> | undefined
  const folder = async (name: string) => {
    const path = join(root, `${name}-${++folders}`)
    await mkdir(path)
    return path
  }
  return {
    folder,
    project: () => (project ??= folder('project').then(makeProject)),
    log,
    async [Symbol.asyncDispose]() {
      process.off('exit', clear)
      clear()
    },
  }
}
