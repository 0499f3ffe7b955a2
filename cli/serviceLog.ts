/** The log of a service, on standard error: a readable line for people who watch, JSON for programs that collect it. */
import { createLog, type Log, type LogLevel } from '../server/log.js'
import type { Cli } from './cli.js'
import { formatClock } from './format.js'
import type { Output } from './output.js'

export function createServiceLog(cli: Cli, out: Output, { json }: { json: boolean }): Log {
  if (json) return createLog({ write: (line) => out.note(line), now: () => cli.now(), json, debug: cli.debug })
  const { dim, red, yellow } = out.stderrStyle
  const marks: Record<LogLevel, string> = { debug: dim('·'), info: dim('·'), warn: yellow('!'), error: red('✖') }
  return (level, message, fields = {}) => {
    if (level === 'debug' && !cli.debug) return
    const details = Object.entries(fields).map(([name, value]) => ` ${dim(`${name}=`)}${fieldText(value)}`)
    out.note(`${dim(formatClock(cli.now()))} ${marks[level]} ${message}${details.join('')}`)
  }
}

/** Of an error only its message, as in the JSON. */
function fieldText(value: unknown): string {
  if (value instanceof Error) return value.message
  return typeof value === 'string' ? value : JSON.stringify(value)
}
