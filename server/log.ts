/** Log lines are one JSON object each, or one readable line on a terminal. They never hold args, results, keys or tokens. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type Log = (level: LogLevel, message: string, fields?: Record<string, unknown>) => void

export const silentLog: Log = () => {}

export interface LogOptions {
  write: (line: string) => void
  now: () => Date
  /** One JSON object a line instead of text. */
  json: boolean
  debug?: boolean
}

export function createLog({ write, now, json, debug = false }: LogOptions): Log {
  return (level, message, fields = {}) => {
    if (level === 'debug' && !debug) return
    const plain = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plainValue(value)]))
    if (json) return write(JSON.stringify({ time: now().toISOString(), level, message, ...plain }))
    const details = Object.entries(plain)
      .map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join('')
    write(`${now().toISOString().slice(11, 23)} ${level === 'info' ? '' : `${level} `}${message}${details}`)
  }
}

/** Of an error only its message: a stack or its fields may hold more than belongs into a log. */
const plainValue = (value: unknown): unknown => (value instanceof Error ? value.message : value)
