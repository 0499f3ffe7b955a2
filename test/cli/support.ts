/**
 * The command, in a small project of its own: in this process where it comes to an end, as the compiled program where it
 * stays or where the process itself is what is tested.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { runCommand } from '../../cli/program.js'
import { closedPort } from '../support/closedPort.js'
import { removeAtOnce, writeAtOnce } from '../support/files.js'
import { repository } from '../support/repository.js'

const program = join(repository, 'dist/cli/main.js')

/** Not the one of the test run: settings of the developer must not leak in. */
const cleanEnv = { PATH: process.env['PATH'], HOME: process.env['HOME'], TZ: 'UTC' }

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

/** Runs the compiled program to its end. */
export async function errandProgram(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const child = start(args, options)
  const ended = { stdout: '', stderr: '' }
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (ended.stdout += text))
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (ended.stderr += text))
  child.stdin!.end(options.input ?? '')
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, ...ended }
}

/** One line of JSON on standard output, and nothing else. */
export function jsonOf({ stdout, stderr }: Ended): any /* oxlint-disable-line typescript/no-explicit-any */ {
  if (stdout === '') throw new Error(`It wrote no result, but: ${stderr}`)
  return JSON.parse(stdout)
}

export interface Service extends AsyncDisposable {
  /**
   * The first line of output, past or to come, that the test accepts; lines it has returned before do not come again.
   */
  line(accept: (line: string) => boolean): Promise<string>
  /** With `--json`: the next event of that name. */
  event(name: string): Promise<any> // oxlint-disable-line typescript/no-explicit-any
  signal(signal: NodeJS.Signals): void
  /** Closes the pipe of its standard output, as `head` does. */
  closeOutput(): void
  readonly exit: Promise<number | null>
  /** Everything that it has written. */
  readonly output: readonly string[]
}

/** Starts a command that stays, such as `start`. It is killed at the end of the scope. */
export function serve(args: readonly string[], options: RunOptions = {}): Service {
  const child = start(args, options)
  const output: string[] = []
  const unread: string[] = []
  const waiting = new Set<() => void>()
  let ended = false
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve))
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on('line', (line) => {
      output.push(line)
      unread.push(line)
      for (const look of waiting) look()
    })
  }
  child.once('close', () => {
    ended = true
    for (const look of waiting) look()
  })

  const line = (accept: (line: string) => boolean) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const index = unread.findIndex(accept)
        if (index < 0 && !ended) return
        waiting.delete(look)
        if (index < 0) return reject(new Error(`It ended without that line. It wrote:\n${output.join('\n')}`))
        resolve(unread.splice(0, index + 1).at(-1)!)
      }
      waiting.add(look)
      look()
    })

  return {
    line,
    async event(name) {
      const found = await line((text) => text.startsWith(`{"event":"${name}"`))
      return JSON.parse(found) as unknown
    },
    signal: (signal) => void child.kill(signal),
    closeOutput: () => void child.stdout!.destroy(),
    exit,
    output,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await exit
    },
  }
}

function start(args: readonly string[], { cwd, env }: RunOptions): ChildProcess {
  if (!existsSync(program))
    throw new Error('dist/cli/main.js is missing. Run `npm run build` first, as `npm test` does.')
  return spawn(process.execPath, [program, ...args], {
    cwd: cwd ?? repository,
    env: { ...cleanEnv, ...env },
    stdio: 'pipe',
  })
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
