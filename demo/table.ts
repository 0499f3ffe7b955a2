/** What is printed in the end: a table of all jobs, the receipts of one of them, and calls by shop. */
import type { JobDetails } from 'errand/client'
import { rivalName } from './rival.js'
import type { ShopApi } from './shopApi.js'
import type { Terminal } from './terminal.js'

type Receipt = JobDetails['receipts'][number]

/** Columns as wide as their widest cell. Numbers stand to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[], { dim }: Terminal): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        /^[\d.]+( m?s)?$/.test(cell) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd()
  return [dim(line(head)), ...rows.map(line)].map((text) => `  ${text}`).join('\n')
}

export function jobsTable(jobs: readonly JobDetails[], terminal: Terminal): string {
  const rows = jobs.map((job) => [
    job.worker,
    job.id,
    job.state,
    String(job.receipts.length),
    milliseconds(firstStart(job) - job.createdAt.getTime()),
    milliseconds(sum(job.receipts.map(runMs))),
    milliseconds((job.finishedAt ?? job.createdAt).getTime() - job.createdAt.getTime()),
    summary(job.receipts),
  ])
  return table(['worker', 'job', 'state', 'attempts', 'waited', 'ran', 'in all', 'receipts'], rows, terminal)
}

/** One line for each attempt: when, how long, how it ended and why. */
export function receiptsTable({ receipts }: JobDetails, terminal: Terminal): string {
  const rows = receipts.map((receipt) => [
    String(receipt.attempt),
    receipt.startedAt.toISOString().slice(11, 23),
    milliseconds(runMs(receipt)),
    outcome(receipt),
    receipt.status === 'failure' ? `${receipt.error.message} Cause: ${receipt.error.cause?.message}` : '',
    receipt.status === 'failure' ? sourceOf(receipt.error.stack) : '',
  ])
  return table(['attempt', 'started', 'ran', 'receipt', 'message', 'thrown at'], rows, terminal)
}

export function callsTable({ calls }: ShopApi, shops: readonly string[], terminal: Terminal): string {
  const rows = shops.flatMap((shop) =>
    [false, true].flatMap((rival) => {
      const mine = calls.filter((call) => call.shop === shop && (call.caller === rivalName) === rival)
      const refused = mine.filter(({ status }) => status === 429).length
      return mine.length === 0
        ? []
        : [[shop, rival ? 'somebody else' : 'our jobs', String(mine.length), String(refused)]]
    }),
  )
  return table(['shop', 'caller', 'calls', '429s'], rows, terminal)
}

/** Where in the TypeScript source an error was thrown: `jobs/failWhale.ts:18:35`. */
export const sourceOf = (stack: string | undefined): string => /jobs\/\S+?\.ts:\d+:\d+/.exec(stack ?? '')?.[0] ?? ''

const outcome = (receipt: Receipt): string =>
  receipt.status === 'success' ? 'success' : `failure ${receipt.error.code ?? receipt.error.name}`

/** `failure RetryAfter, success`, and `failure WHALE_DOWN ×3` for the same again and again. */
function summary(receipts: readonly Receipt[]): string {
  const runs: { text: string; count: number }[] = []
  for (const text of receipts.map(outcome)) {
    const last = runs.at(-1)
    if (last?.text === text) last.count++
    else runs.push({ text, count: 1 })
  }
  return runs.map(({ text, count }) => (count === 1 ? text : `${text} ×${count}`)).join(', ')
}

const firstStart = (job: JobDetails): number => (job.receipts[0]?.startedAt ?? job.createdAt).getTime()
const runMs = ({ startedAt, finishedAt }: Receipt): number => finishedAt.getTime() - startedAt.getTime()
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
const milliseconds = (ms: number): string => `${Math.max(0, ms)} ms`
