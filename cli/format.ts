/** Formats values for people. Pure: text in a table, times, durations, errors. */
import { stripVTControlCharacters } from 'node:util'
import { formatDuration } from '../core/time/duration.js'
import type { Style } from './style.js'

/** Columns as wide as their widest cell; the last one ends where it ends. */
export function formatTable(style: Style, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => visibleLength(row[column] ?? ''))),
  )
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) => cell + ' '.repeat(widths[column]! - visibleLength(cell))).join('  ')
  return [style.dim(line(head).trimEnd()), ...rows.map((row) => line(row).trimEnd())].join('\n')
}

/** A name and a value on each line; rows without a value are left out. */
export function formatFields(style: Style, fields: readonly (readonly [name: string, value: string | undefined])[]) {
  const shown = fields.filter(([, value]) => value !== undefined)
  const width = Math.max(...shown.map(([name]) => name.length))
  return shown.map(([name, value]) => `  ${style.dim(name.padEnd(width))}  ${value}`).join('\n')
}

const visibleLength = (text: string): number => stripVTControlCharacters(text).length

/** A job's text may hold escape sequences, which would paint on the reader's terminal. */
export const plain = (text: string): string =>
  // oxlint-disable-next-line no-control-regex
  stripVTControlCharacters(text).replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')

/** `2025-11-23 19:15:04`, in the reader's own time zone. */
export function formatTime(time: Date | string): string {
  const date = new Date(time)
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${formatClock(date)}`
}

/** `19:15:04`, for what happens before the reader's eyes. */
export function formatClock(time: Date | string): string {
  const date = new Date(time)
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

const two = (value: number): string => String(value).padStart(2, '0')

/** `4s ago`, `in 10m`, `now`: as exact as one looks. */
export function formatAgo(time: Date | string, now: Date): string {
  const ms = now.getTime() - new Date(time).getTime()
  if (Math.abs(ms) < 1_000) return 'now'
  const length = roughly(Math.abs(ms))
  return ms > 0 ? `${length} ago` : `in ${length}`
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const

/** In its two largest units at most, and only the largest where that is exact enough. */
function roughly(ms: number): string {
  const [unit, size] = units.find(([, size]) => ms >= size) ?? units[3]
  const count = ms / size
  return count < 3 && unit !== 's'
    ? formatDuration(Math.floor(ms / (size / 60)) * (size / 60))
    : `${Math.floor(count)}${unit}`
}

/** `time (4s ago)`. */
export const formatMoment = (time: Date | string, now: Date): string => `${formatTime(time)} (${formatAgo(time, now)})`

/** How long an attempt took: `12ms`, `1.24s`, `2m 10s`. */
export const formatTook = (startedAt: string, finishedAt: string): string => {
  const ms = Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt))
  return ms < 60_000 && ms >= 1_000
    ? `${Number((ms / 1_000).toFixed(2))}s`
    : formatDuration(ms < 1_000 ? ms : Math.round(ms / 1_000) * 1_000)
}

/** `40%`; a job that is not done is never at 100. */
export const formatPercent = (fraction: number): string => `${fraction < 1 ? Math.floor(fraction * 100) : 100}%`

const barWidth = 20

/** `████████░░░░░░░░░░░░ 40%`. */
export function formatBar(fraction: number): string {
  const full = Math.floor(fraction * barWidth)
  return `${'█'.repeat(full)}${'░'.repeat(barWidth - full)} ${formatPercent(fraction)}`
}

/** JSON on one line where it is short, else indented to stand below `indent` spaces. */
export function formatJson(value: unknown, indent: number): string {
  const short = JSON.stringify(value)
  if (short === undefined) return ''
  if (short.length <= 100) return short
  return JSON.stringify(value, null, 2).replaceAll('\n', `\n${' '.repeat(indent)}`)
}

export const indented = (text: string, spaces: number): string => text.replaceAll(/^(?=.)/gm, ' '.repeat(spaces))

export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`
