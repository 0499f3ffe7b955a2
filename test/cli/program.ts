/** The command as the compiled program, where it stays or where the process itself is what is tested. */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { repository } from '../support/repository.js'
import { cleanEnv, type Ended, type RunOptions } from './support.js'

const program = join(repository, 'dist/cli/main.js')

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
    throw new Error('dist/cli/main.js is missing. Run `npm run build` first, as `npm run test:programs` does.')
  return spawn(process.execPath, [program, ...args], {
    cwd: cwd ?? repository,
    env: { ...cleanEnv, ...env },
    stdio: 'pipe',
  })
}
