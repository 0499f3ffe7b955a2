/**
 * Log lines are one JSON object each, or one readable line on a terminal. They never hold args, results, keys or
 * tokens.
 */

import { look, messageOfThrown } from '../core/thrown.js'

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

export interface Sparing {
  /** Which lines are counted, each message by itself. */
  spares: (level: LogLevel, message: string) => boolean
  now: () => Date
}

/** So many lines of one message are written in a minute; the first one after it says how many were left out. */
const mostSpared = 20
const sparedMs = 60_000

/** For lines that callers cause, who could fill a log otherwise. */
export function sparing(log: Log, { spares, now }: Sparing): Log {
  const counts = new Map<string, { since: number; lines: number }>()
  return (level, message, fields) => {
    if (!spares(level, message)) return log(level, message, fields)
    const nowMs = now().getTime()
    let count = counts.get(message)
    if (!count || nowMs - count.since >= sparedMs) {
      const leftOut = Math.max(0, (count?.lines ?? 0) - mostSpared)
      counts.set(message, (count = { since: nowMs, lines: 0 }))
      if (leftOut > 0) fields = { ...fields, leftOut }
    }
    if (++count.lines <= mostSpared) log(level, message, fields)
  }
}

/**
 * Of an error only its message: a stack or its fields may hold more than belongs into a log. A thrown value may be no
 * error, and may not let itself be read.
 */
const plainValue = (value: unknown): unknown =>
  messageOfThrown(value) ?? (look(() => JSON.stringify(value)) === undefined ? 'cannot be read' : value)
