/** What a run found, as text for people and as a value that is kept. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Evidence } from './check/evidence.js'
import { zeros } from './check/index.js'
import { figuresOf, type Figures } from './figures.js'
import type { Ledger } from './ledger/ledger.js'

interface ZeroFound {
  name: string
  of: number
  broken: string[]
}

export interface Report {
  seed: number
  minutes: number
  coordinators: number
  commit: string
  at: string
  zeros: ZeroFound[]
  figures: Figures
}

export type Conditions = Pick<Report, 'seed' | 'minutes' | 'coordinators' | 'commit' | 'at'>

export function reportOf(evidence: Evidence, lines: Ledger['lines'], conditions: Conditions): Report {
  return {
    ...conditions,
    zeros: zeros.map((zero) => ({ name: zero.name, ...zero.check(evidence) })),
    figures: figuresOf(evidence, lines),
  }
}

export const isBroken = ({ zeros }: Report): boolean => zeros.some(({ broken }) => broken.length > 0)

export async function saveReport(folder: string, report: Report): Promise<string> {
  const file = join(folder, 'report.json')
  await writeFile(file, JSON.stringify(report, null, 2))
  return file
}

const shownOfEach = 5

export function reportText(report: Report): string {
  const { seed, minutes, coordinators, commit, zeros, figures } = report
  const lines = [
    `seed ${seed}, ${minutes} minutes, ${coordinators} coordinators, commit ${commit}`,
    '',
    ...zeros.flatMap(({ name, of, broken }) => [
      `${broken.length === 0 ? '✔' : '✖'} ${String(broken.length).padStart(5)}  ${name} (of ${of})`,
      ...broken.slice(0, shownOfEach).map((text) => `          ${text}`),
      ...(broken.length > shownOfEach ? [`          … and ${broken.length - shownOfEach} more`] : []),
    ]),
    '',
    `${figures.jobs} jobs (${counts(figures.byState)}), ${figures.runs} runs, ${figures.faultCount} faults`,
    `${figures.duplicates} ran twice, ${figures.afterTheEnd} began after their job’s end, ${figures.answeredInVain} answers were lost, ${figures.failedByFaults} failed by faults alone`,
    `memory ${figures.rssMaxMb} MB at most; log lines: ${counts(figures.lines)}; everything final after ${seconds(figures.settleMs)}`,
    `5xx but 503: ${counts(figures.faultyAnswers) || 'none'}`,
    `ended by themselves: ${figures.endedAlone.join(', ') || 'none'}`,
    ...figures.messages.map(([message, count]) => `${String(count).padStart(7)}  ${message}`),
    '',
    ...figures.faults.map(
      ({ fault, times, medianMs, worstMs }) =>
        `${String(times).padStart(4)}×  ${fault.padEnd(40)} again after ${seconds(medianMs)}, at worst ${seconds(worstMs)}`,
    ),
  ]
  return lines.join('\n')
}

/** In Markdown. */
export function reportTables(report: Report): string {
  const { seed, minutes, coordinators, commit, at, figures } = report
  const found = new Map(report.zeros.map((zero) => [zero.name, zero]))
  const zeroRows = zeros.flatMap(({ name, counted }) => {
    const { of, broken } = found.get(name) ?? { of: 0, broken: [] }
    return [`| ${name} | ${broken.length} | ${of.toLocaleString('en-US')} | ${counted} |`]
  })
  const faultRows = figures.faults.map(
    ({ fault, times, medianMs, worstMs }) => `| ${fault} | ${times} | ${seconds(medianMs)} | ${seconds(worstMs)} |`,
  )
  return [
    `${minutes} minutes of faults, ${figures.faultCount} of them, with ${coordinators} coordinators and as many hosts of functions; seed ${seed}, commit ${commit}, ${at.slice(0, 10)}.`,
    ['| what must not happen | found | of | how it is counted |', '| --- | --- | --- | --- |', ...zeroRows].join('\n'),
    [
      '| figure | |',
      '| --- | --- |',
      `| jobs, as they were at the end | ${counts(figures.byState)} |`,
      `| runs that functions saw | ${figures.runs.toLocaleString('en-US')} |`,
      `| duplicates of execution: runs that were finished although another one of the job was | ${figures.duplicates} |`,
      `| runs that began after their job had ended: calls that were held on the line, say | ${figures.afterTheEnd} |`,
      `| answers that were lost: an attempt is recorded as timed out, and its function had answered in time | ${figures.answeredInVain} |`,
      `| jobs that failed for good by faults alone, their attempts used up | ${figures.failedByFaults} |`,
      `| until everything was final after the last fault | ${seconds(figures.settleMs)} |`,
      `| memory of a coordinator, at most | ${figures.rssMaxMb} MB |`,
      `| lines logged by the coordinators | ${counts(figures.lines)} |`,
      `| answers with a 5xx other than 503 | ${counts(figures.faultyAnswers) || 'none'} |`,
      `| coordinators and hosts that ended by themselves | ${figures.endedAlone.join(', ') || 'none'} |`,
    ].join('\n'),
    ['| fault | times | work went on after, median | worst |', '| --- | --- | --- | --- |', ...faultRows].join('\n'),
  ].join('\n\n')
}

const counts = (values: Record<string, number>): string =>
  Object.entries(values)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')

const seconds = (ms: number | null): string =>
  ms === null || !Number.isFinite(ms) ? 'never' : `${(ms / 1_000).toFixed(1)} s`
