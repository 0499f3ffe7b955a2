/**
 * The ledger that is kept outside: what callers were told, what was done to the house, and (in files of their own, see
 * project/jobs/_work.ts) what functions saw. Everything is written as it happens, a line of JSON each, so that a run
 * that is broken off can still be read.
 */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LedgerRecord } from './records.js'

export interface Ledger {
  readonly records: readonly LedgerRecord[]
  add(record: LedgerRecord): void
  /** A line of a process's log; counted by its level. */
  logLine(name: string, line: string): void
  /** Lines by level, and how often each message came. */
  readonly lines: { levels: Map<string, number>; messages: Map<string, number> }
}

export function openLedger(folder: string): Ledger {
  const file = join(folder, 'ledger', 'outside.jsonl')
  const records: LedgerRecord[] = []
  const lines = { levels: new Map<string, number>(), messages: new Map<string, number>() }
  const count = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1)
  return {
    records,
    lines,
    add(record) {
      records.push(record)
      appendFileSync(file, `${JSON.stringify(record)}\n`)
    },
    logLine(name, line) {
      if (!name.startsWith('coordinator')) return
      const { level, message } = readLine(line)
      count(lines.levels, level)
      count(lines.messages, `${level} ${message}`)
    },
  }
}

function readLine(text: string): { level: string; message: string } {
  try {
    const { level = 'other', message = text } = JSON.parse(text) as { level?: string; message?: string }
    return { level, message: message.slice(0, 100) }
  } catch {
    return { level: 'other', message: text.slice(0, 100) }
  }
}
