/**
 * Sends what `run` tells while it works: its progress, and lines of its log. Most attempts are over before anything is
 * sent; then all of it rides in the receipt. Longer ones send it to the coordinator, one post at a time, and the
 * receipt says it all once more.
 */
import {
  boundLog,
  firstProgressMs,
  maxLogFieldsLength,
  maxLogLines,
  maxLogMessageLength,
  maxNoteLength,
  type AttemptLog,
  type LogLine,
} from '../core/job/attemptLog.js'
import { isDeeperThan, maxDepth, tooDeep } from '../core/payload/depth.js'
import { look } from '../core/thrown.js'
import { postBackoffMs, postOnce, type PostDeps } from './post.js'

export interface ProgressSender {
  progress(fraction: number, note?: string): void
  log(message: string, fields?: Record<string, unknown>): void
  /** All that was told, as fields of a receipt: `,"progress":{…},"log":[…]`. */
  fields(): string
  /** Nothing more is sent. */
  end(): void
}

/** Between posts. */
const pauseMs = 1_000

/** `refused` is called where the coordinator no longer waits for this attempt. */
export function createProgressSender(url: string, deps: PostDeps, refused: () => void): ProgressSender {
  const { clock, random } = deps
  const stop = new AbortController()
  let progress: { fraction: number; note?: string } | undefined
  let log: AttemptLog = { lines: [], dropped: 0 }
  const unsent = { progress: false, log: false }
  /** Takes back the next post; there is one from the first word on until nothing is left to send. */
  let cancelNext: (() => void) | undefined
  let readyAt = 0
  let failures = 0

  const plan = () => {
    if (cancelNext || stop.signal.aborted || !(unsent.progress || unsent.log)) return
    const waitMs = Math.max(firstProgressMs, readyAt - clock.now().getTime())
    cancelNext = clock.alarm(waitMs, () => void send())
  }

  const send = async () => {
    const sent = { ...unsent }
    unsent.progress = unsent.log = false
    const outcome = await postOnce(url, `{${fields(sent).slice(1)}}`, deps, stop.signal)
    if (stop.signal.aborted) return
    if (outcome.kind === 'refused') {
      // only a 409 speaks of the attempt; after any other refusal the receipt says it all
      stop.abort()
      if (outcome.status === 409) refused()
      return
    }
    failures = outcome.kind === 'taken' ? 0 : failures + 1
    if (failures > 0) {
      unsent.progress ||= sent.progress
      unsent.log ||= sent.log
    }
    readyAt = clock.now().getTime() + Math.max(pauseMs, failures && postBackoffMs(failures, random))
    cancelNext = undefined
    plan()
  }

  const fields = (which = { progress: true, log: true }): string => {
    const parts: string[] = []
    if (which.progress && progress) parts.push(`,"progress":${JSON.stringify(progress)}`)
    if (which.log && log.lines.length > 0) {
      log = boundLog(log)
      parts.push(`,"log":[${log.lines.join(',')}]`)
      if (log.dropped > 0) parts.push(`,"logDropped":${log.dropped}`)
    }
    return parts.join('')
  }

  return {
    progress(fraction, note) {
      if (typeof fraction !== 'number' || Number.isNaN(fraction)) {
        throw new RangeError(`ctx.progress takes a number from 0 to 1, not ${cut(fraction, 100)}.`)
      }
      progress = {
        fraction: Math.min(Math.max(fraction, 0), 1),
        ...(note === undefined ? {} : { note: cut(note, maxNoteLength) }),
      }
      unsent.progress = true
      plan()
    },
    log(message, fields) {
      const line = logLine(clock.now(), message, fields)
      log.lines.push(line)
      if (log.lines.length > 2 * maxLogLines) log = boundLog(log)
      unsent.log = true
      plan()
    },
    fields: () => fields(),
    end() {
      cancelNext?.()
      stop.abort()
    },
  }
}

/** Always a line that the coordinator takes: a receipt must not be refused for the log in it. */
function logLine(at: Date, message: string, fields: unknown): string {
  const line: LogLine = { at: at.toISOString(), message: cut(message, maxLogMessageLength) }
  if (fields === undefined) return JSON.stringify(line)
  // a cycle, or a BigInt, makes it throw
  const text = look(() => JSON.stringify(fields))
  const problem = fieldsProblem(text)
  if (problem === undefined) return `${JSON.stringify(line).slice(0, -1)},"fields":${text}}`
  return logLine(
    at,
    `${cut(message, maxLogMessageLength - 100)} (its fields were left out: they ${problem})`,
    undefined,
  )
}

function fieldsProblem(text: string | undefined): string | undefined {
  if (!text?.startsWith('{')) return 'are no plain object'
  if (text.length > maxLogFieldsLength) return `take more than ${maxLogFieldsLength} characters`
  return isDeeperThan(maxDepth, text) ? `are ${tooDeep()}` : undefined
}

/** As text, also where a caller without types gives something else. */
function cut(value: unknown, length: number): string {
  const text = look(() => String(value)) ?? 'a text that cannot be read'
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`
}
