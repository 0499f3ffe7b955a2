/**
 * The log of an attempt, by `ctx.log`. It is bounded, because it is kept in the database with the attempt: the last
 * lines stay, the oldest are dropped, and how many were is told. Functions and the coordinator keep it by the same
 * rule. No zod here: functions bundle it.
 */
import { bytesOf } from '../payload/size.js'

/** At most so many lines of an attempt are kept. */
export const maxLogLines = 100
/** And at most so many bytes of them, each as JSON. */
export const maxLogBytes = 16 * 1024
/** A longer message is cut. Characters. */
export const maxLogMessageLength = 2_000
/** Fields whose JSON is longer are left out. Characters. */
export const maxLogFieldsLength = 4_000
/** A longer note of `ctx.progress` is cut. Characters. */
export const maxNoteLength = 500

/** From the first word of an attempt to the first that it sends, in milliseconds; a quick job makes none. */
export const firstProgressMs = 250

/** One line, as it travels and as it is shown. */
export interface LogLine {
  /** ISO 8601, by the function's clock. */
  at: string
  message: string
  /** Plain JSON. */
  fields?: Record<string, unknown>
}

/** Lines as JSON texts, oldest first, and how many older ones were dropped. */
export interface AttemptLog {
  lines: string[]
  dropped: number
}

/** The last lines, within the bounds. */
export function boundLog({ lines, dropped }: AttemptLog): AttemptLog {
  let first = lines.length
  for (let bytes = 0; first > 0 && lines.length - first < maxLogLines; first--) {
    bytes += bytesOf(lines[first - 1]!)
    if (bytes > maxLogBytes) break
  }
  return { lines: lines.slice(first), dropped: dropped + first }
}

/** One log behind the other, within the bounds. */
export function joinLogs(earlier: AttemptLog | undefined, later: AttemptLog | undefined): AttemptLog | undefined {
  if (!earlier || !later) return later ?? earlier
  return boundLog({ lines: [...earlier.lines, ...later.lines], dropped: earlier.dropped + later.dropped })
}
