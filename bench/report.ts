/** What one call of the bench found, as JSON and as a table for a terminal. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Machine } from './harness/machine.js'
import { benchFolder } from './harness/repository.js'
import type { Failure, Row } from './run.js'
import type { SystemFacts } from './systems/system.js'

export interface Report {
  at: string
  quick: boolean
  runs: number
  machine: Machine
  systems: Record<string, SystemFacts & { lacks?: Partial<Record<string, string>> }>
  rows: Row[]
  failures: Failure[]
}

/** Answers with the file's path. */
export async function saveResults(at: Date, results: object): Promise<string> {
  const folder = join(benchFolder, 'results')
  await mkdir(folder, { recursive: true })
  const file = join(folder, `${at.toISOString().replaceAll(':', '-').slice(0, 19)}.json`)
  await writeFormatted(file, JSON.stringify({ at, ...results }))
  return file
}

/** As `npm run format` would leave it. */
export async function writeFormatted(path: string, text: string): Promise<void> {
  const { format, resolveConfig } = await import('prettier')
  await writeFile(path, await format(text, { ...(await resolveConfig(path)), filepath: path }))
}

export const numberText = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 3 })

export const settingsText = (settings: Row['settings']): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? numberText(value) : String(value)}`)
    .join(', ')

/** Columns as wide as their widest cell. */
export function alignedLines(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}

export function tableOf({ rows, failures, quick }: Report): string {
  const cells = rows.map(({ system, workload, median, min, max, unit, settings }) => [
    workload,
    system,
    numberText(median),
    `${numberText(min)} to ${numberText(max)}`,
    unit,
    settingsText(settings),
  ])
  const lines = alignedLines([['workload', 'system', 'median', 'range', 'unit', 'settings'], ...cells])
  const failed = failures.map(({ system, workload, message }) => `failed: ${workload} ${system}: ${message}`)
  return [...lines, ...failed, ...(quick ? ['Quick figures: too few jobs to say how fast anything is.'] : [])].join(
    '\n',
  )
}
