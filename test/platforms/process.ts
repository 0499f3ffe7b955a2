/** A platform's program as a child process. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface Program extends AsyncDisposable {
  readonly child: ChildProcess
  /**
   * The first match of the pattern in a line of its output, past or to come. Rejects with all output where it ends
   * before.
   */
  line(pattern: RegExp): Promise<RegExpExecArray>
  readonly output: readonly string[]
  /** How it ended, or will; whoever asks later than that is told as well. */
  readonly exit: Promise<[code: number | null, signal: NodeJS.Signals | null]>
}

/** Killed at the end of the scope. */
export function run(
  command: string,
  args: readonly string[],
  { cwd, env }: { cwd: string; env?: Record<string, string> },
): Program {
  const child = spawn(command, args, { cwd, env: { PATH: process.env['PATH'] ?? '', ...env }, stdio: 'pipe' })
  const output: string[] = []
  const looking = new Set<() => void>()
  let ended = false
  const look = () => looking.forEach((one) => one())
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      output.push(line)
      look()
    })
  }
  const exit = once(child, 'exit') as Program['exit']
  // one that cannot be started is told of by its lines
  exit.catch(() => {})
  const closed = once(child, 'close')
  const end = () => {
    ended = true
    look()
  }
  closed.then(end, (error: Error) => {
    output.push(String(error))
    end()
  })
  return {
    child,
    output,
    exit,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const find = () => {
          const found = output.map((line) => pattern.exec(line)).find((match) => match !== null)
          if (!found && !ended) return
          looking.delete(find)
          if (found) resolve(found)
          else reject(new Error(`${command} ended without ${pattern}. It wrote:\n${output.join('\n')}`))
        }
        looking.add(find)
        find()
      }),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await closed.catch(() => {})
    },
  }
}

/** Several as one: all are ended. */
export async function disposeAll(all: readonly AsyncDisposable[]): Promise<void> {
  await Promise.all(all.map((one) => one[Symbol.asyncDispose]()))
}
