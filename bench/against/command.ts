/** Programs that a comparison runs to their end, one at a time, or until it is interrupted. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

export interface Ended {
  /** 0 where all went well; undefined where a signal ended it. */
  code: number | undefined
  stdout: string
  stderr: string
}

/**
 * How a program is run. The signal ends it, with all that it has started; the answer is an error then, once they are
 * gone.
 */
export interface Place {
  cwd: string
  signal: AbortSignal
}

export async function run(command: string, args: readonly string[], { cwd, signal }: Place): Promise<Ended> {
  signal.throwIfAborted()
  // a group of its own, so that what it has started ends with it
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const end = () => {
    if (child.pid !== undefined) process.kill(-child.pid)
  }
  signal.addEventListener('abort', end)
  try {
    const [[code], stdout, stderr] = await Promise.all([
      once(child, 'close') as Promise<[number | null]>,
      text(child.stdout),
      text(child.stderr),
    ])
    signal.throwIfAborted()
    return { code: code ?? undefined, stdout, stderr }
  } finally {
    signal.removeEventListener('abort', end)
  }
}

/** The end of what it said, which is where the reason stands. */
export const lastWords = ({ stdout, stderr }: Ended): string =>
  `${stdout}\n${stderr}`
    .trim()
    .split('\n')
    .slice(-20)
    .map((line) => `  ${line}`)
    .join('\n')
