/** npm, started by the bench, and what it says where it fails. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Something that whoever runs the bench can mend. Its message says all: what, which, what to do. */
export class BenchError extends Error {}

export interface NpmCall {
  args: readonly string[]
  cwd: string
  /** Ends it. */
  signal?: AbortSignal
  /** What fails with it: `The peers could not be installed into bench/node_modules`. */
  failing: string
  /** What to do about it. */
  advice: string
}

const limitMinutes = 10

/** No install script is run: none of what the bench needs is made by one. Throws a `BenchError` with what npm said. */
export async function installByNpm({ args, cwd, signal, failing, advice }: NpmCall): Promise<void> {
  // `npm run --silent bench` tells every npm below it to be silent, about errors too
  const all = [...args, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error']
  try {
    await promisify(execFile)('npm', all, { cwd, timeout: limitMinutes * 60_000, ...(signal && { signal }) })
  } catch (error) {
    signal?.throwIfAborted()
    throw new BenchError(`${failing}. ${problemOf(error as NpmFailure, all)}\n${advice}`, { cause: error })
  }
}

export interface NpmFailure {
  code?: number | string | null
  killed?: boolean
  stderr?: string
  message: string
}

/** The part of what npm said that tells something: not its usage, its options and its log file. */
export function problemOf({ code, killed, stderr = '', message }: NpmFailure, args: readonly string[]): string {
  const command = `\`npm ${args.join(' ')}\``
  if (killed) return `${command} was not done after ${limitMinutes} minutes: is the npm registry reachable?`
  if (typeof code !== 'number') return `${command} could not be started: ${message}`
  const lines = stderr.split('\n').map((line) => line.replace(/^npm error ?/, '').trimEnd())
  const end = lines.findIndex((line) => /^(Clean install a project|Usage:|A complete log)/.test(line))
  const said = (end < 0 ? lines : lines.slice(0, end)).filter((line) => line !== '')
  return `${command} ended with code ${code}:\n${said.map((line) => `  ${line}`).join('\n')}`
}
