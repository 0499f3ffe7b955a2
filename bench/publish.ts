/**
 * Writes the tables of docs/performance.md, and the rows they show as bench/results/published.json. Both are committed.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Machine } from './harness/machine.js'
import { benchFolder, repository } from './harness/repository.js'
import { numberText, settingsText, writeFormatted, type Report } from './report.js'
import type { Row } from './run.js'
import { workloads } from './workloads/index.js'

/** What was last published of a workload: all its systems, from one call of the bench. */
interface Published {
  at: string
  runs: number
  machine: Machine
  rows: Row[]
  systems: Report['systems']
  failures: Report['failures']
}

type PublishedWorkloads = Record<string, Published>

const resultsFile = join(benchFolder, 'results', 'published.json')
const page = join(repository, 'docs', 'performance.md')
const begin = '<!-- bench:begin -->'
const end = '<!-- bench:end -->'

/** Replaces the tables of the workloads that ran; those of others stay. */
export async function publish(report: Report): Promise<void> {
  const published = await readPublished()
  for (const { name } of workloads) {
    const rows = report.rows.filter((row) => isOf(row, name))
    const failures = report.failures.filter(({ workload }) => workload === name)
    if (rows.length === 0 && failures.length === 0) continue
    const { at, runs, machine, systems } = report
    const parts = new Set([...rows, ...failures].map(({ system }) => system))
    published[name] = {
      at,
      runs,
      machine,
      rows,
      failures,
      systems: Object.fromEntries(Object.entries(systems).filter(([system]) => parts.has(system))),
    }
  }
  await writeFormatted(resultsFile, JSON.stringify(published))
  await writeFormatted(page, replaceBetween(await readPage(), tablesOf(published)))
}

/** `W5 p50` is of `W5`, and `W10 none` is not of `W1`. */
const isOf = ({ workload }: Row, name: string): boolean => workload === name || workload.startsWith(`${name} `)

async function readPublished(): Promise<PublishedWorkloads> {
  const text = await readFile(resultsFile, 'utf8').catch(() => '{}')
  return JSON.parse(text) as PublishedWorkloads
}

const readPage = (): Promise<string> => readFile(page, 'utf8').catch(() => `# Performance\n\n${begin}\n${end}\n`)

function replaceBetween(text: string, tables: string): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/performance.md needs the lines ${begin} and ${end}.`)
  return `${text.slice(0, from)}${begin}\n\n${tables}\n\n${text.slice(to)}`
}

function tablesOf(published: PublishedWorkloads): string {
  const shown = workloads.flatMap((workload) => {
    const found = published[workload.name]
    return found ? [{ ...workload, ...found }] : []
  })
  return [
    '_Made by `npm run bench -- --publish`. Do not edit between the markers._',
    systemsTable(shown.map(({ systems }) => systems)),
    ...shown.map(({ name, title, ...found }) => `### ${name}: ${title}\n\n${workloadTable(found)}`),
  ].join('\n\n')
}

const tableText = (header: string[], rows: string[][]): string =>
  [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')

function systemsTable(all: Report['systems'][]): string {
  const systems = Object.entries(Object.assign({}, ...all) as Report['systems'])
  return tableText(
    ['system', 'versions', 'an acknowledged job is', 'how a handler is called', 'W7', 'processes'],
    systems.map(([name, { versions, durability, call, processes }]) => [
      name,
      versions.join(', '),
      durability,
      call.drain,
      call.http,
      processes,
    ]),
  )
}

function workloadTable({ at, runs, machine, rows, failures, systems }: Published): string {
  const { cpu, cores, memoryGb, system, node } = machine
  const lines = rows.map(({ system, workload, median, min, max, unit, settings, othersCpu }) => [
    workload,
    system,
    `${numberText(median)} ${unit}`,
    `${numberText(min)} to ${numberText(max)}`,
    `${othersCpu.map((each) => each ?? '?').join(', ')}%`,
    settingsText(settings),
  ])
  const notes = [
    ...failures.map(({ system, message }) => `- ${system} failed: ${message.split('\n', 1)[0]}`),
    ...Object.entries(systems).flatMap(([name, { lacks = {} }]) =>
      Object.entries(lacks)
        .filter(([workload]) => rows.some((row) => isOf(row, workload)))
        .map(([workload, reason]) => `- ${name} has no ${workload}: ${reason}`),
    ),
  ]
  return [
    tableText(['workload', 'system', 'median', 'range', 'used by others', 'settings'], lines),
    notes.join('\n'),
    `${at.slice(0, 10)}, ${runs} ${runs === 1 ? 'run' : 'runs'}; ${cpu}, ${cores} cores, ${memoryGb} GB, ${system}, Node ${node}.`,
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}
