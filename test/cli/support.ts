/** The command, in this process and to its end, in a small project of its own. */
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from '../../cli/program.js'
import { closedPort } from '../support/closedPort.js'
import { removeAtOnce, writeAtOnce } from '../support/files.js'
import { repository } from '../support/repository.js'

/** Not the one of the test run: settings of the developer must not leak in. */
export const cleanEnv = { PATH: process.env['PATH'], HOME: process.env['HOME'], TZ: 'UTC' }

type Env = Record<string, string | undefined>

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  cwd?: string
  env?: Env
  /** What it finds on standard input. */
  input?: string
}

/** Runs the command to its end, in this process. */
export async function errand(args: readonly string[], { cwd, env, input = '' }: RunOptions = {}): Promise<Ended> {
  const ended = { stdout: '', stderr: '' }
  const code = await runCommand(args, {
    env: { ...cleanEnv, ...env },
    cwd: cwd ?? repository,
    stdout: { write: (text) => (ended.stdout += text) },
    stderr: { write: (text) => (ended.stderr += text) },
    version: '0.0.0',
    readInput: async () => input,
    confirm: async () => undefined,
    ignoreClosedPipes() {},
  })
  return { code, ...ended }
}

/** One line of JSON on standard output, and nothing else. */
export function jsonOf({ stdout, stderr }: Ended): any /* oxlint-disable-line typescript/no-explicit-any */ {
  if (stdout === '') throw new Error(`It wrote no result, but: ${stderr}`)
  return JSON.parse(stdout)
}

export interface Project extends AsyncDisposable {
  root: string
  write(file: string, text: string): Promise<void>
  remove(file: string): Promise<void>
}

/** A project in a folder of its own, with this repository's packages. */
export async function makeProject(files: Record<string, string> = {}): Promise<Project> {
  const root = await mkdtemp(join(tmpdir(), 'errand-cli-'))
  await symlink(join(repository, 'node_modules'), join(root, 'node_modules'))
  const project: Project = {
    root,
    write: async (file, text) => writeAtOnce(join(root, file), text),
    remove: async (file) => removeAtOnce(join(root, file)),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
  await project.write('package.json', '{ "name": "shop", "private": true, "type": "module" }\n')
  for (const [file, text] of Object.entries(files)) await project.write(file, text)
  return project
}

/** A module in jobs/. */
export const worker = (args: string, run: string, options = ''): string => `import { defineJob } from 'errand'
import { z } from 'zod'

export default defineJob({
  args: z.object({ ${args} }),
  ${options}
  ${run},
})
`

/** The address of a port that nobody listens on. */
export const closedUrl = async (): Promise<string> => `http://127.0.0.1:${await closedPort()}`
