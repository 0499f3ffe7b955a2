/** The process, as far as commands may see it; every command is given it. */
import type { Output } from './output.js'
import type { Env } from '../server/hosts/settings.js'

export interface Cli {
  readonly env: Env
  /** Where the command was called. */
  readonly cwd: string
  readonly debug: boolean
  now(): Date
  /** Everything on standard input, for an argument written as `-`. */
  readInput(): Promise<string>
  /** Asks the operator at the terminal; undefined where there is none. */
  confirm(question: string): Promise<boolean | undefined>
  /** With the command's own `--json`. */
  output(options: { json?: boolean }): Output
  /** A service goes on when its output has no reader any more; other commands end. */
  ignoreClosedPipes(): void
}
