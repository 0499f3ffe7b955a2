/**
 * What an attempt has told beside its receipt: progress, and lines of its log. While it runs this is kept with the job; at its end it goes into the
 * receipt. Pure.
 *
 * What was told belongs to one run by its claim. Runs of the same attempt follow each other where the first one snoozed, or was broken off by a
 * shutdown; then the lines of the earlier run stand before those of the later one, and its progress holds until there is a newer one.
 */
import { joinLogs, type LogLine } from '../../core/job/attemptLog.js'
import { isDeeperThan, maxDepthAround, tooDeep } from '../../core/payload/depth.js'
import { reportedLog, type ParsedReport, type ProgressView, type ReportView } from '../../core/requests/report.js'
import type { Viewer } from '../access/disclosure.js'
import type { AttemptReport, ClaimedJob, JobDocument, ReceiptDocument, Told } from '../store/documents.js'

type Reporting = Pick<ClaimedJob, 'attempt' | 'claim' | 'report'>

/** What the attempt has told once this came in. */
export function addReport(job: Reporting, report: ParsedReport, now: Date): AttemptReport {
  const { attempt, claim } = job
  const before = job.report?.attempt === attempt ? job.report : undefined
  const sameRun = before?.claim === claim ? before : undefined
  const progress = report.progress ? heardAt(now, report.progress) : before?.progress
  const log = reportedLog(report) ?? sameRun?.log
  const earlierLog = sameRun ? sameRun.earlierLog : before && allLines(before)
  return { attempt, claim, ...(progress && { progress }), ...(log && { log }), ...(earlierLog && { earlierLog }) }
}

const heardAt = (at: Date, { fraction, note }: NonNullable<ParsedReport['progress']>) => ({
  fraction,
  ...(note === undefined ? {} : { note }),
  at,
})

/** All that the attempt has told, with what its receipt says. Empty for most. */
export function toldAtEnd(job: Reporting, report: ParsedReport, now: Date): Told {
  if (!job.report && !report.progress && !report.log) return {}
  return told(addReport(job, report, now))
}

/** What the attempt that runs, or ran last, has told and no receipt tells yet. */
export function toldSoFar({ report, attempt }: JobDocument, receipts: readonly ReceiptDocument[]): Told {
  // a job that snoozed has given its attempt back, and will take it again
  if (!report || report.attempt < attempt || receipts.some((receipt) => receipt.attempt === report.attempt)) return {}
  return told(report)
}

function told(report: AttemptReport): Told {
  const { progress } = report
  const log = allLines(report)
  return { ...(progress && { progress }), ...(log && { log }) }
}

const allLines = ({ earlierLog, log }: AttemptReport) => joinLogs(earlierLog, log)

/** To those who do not see results, only how far it is. */
export const toldView = ({ progress, log }: Told, { seesResults }: Pick<Viewer, 'seesResults'>): ReportView => ({
  ...(progress && { progress: progressView(progress, seesResults) }),
  ...(seesResults && log && { log: log.lines.map(lineView) }),
  ...(seesResults && log && log.dropped > 0 && { logDropped: log.dropped }),
})

function lineView(text: string): LogLine {
  const line = JSON.parse(text) as LogLine
  if (!isDeeperThan(maxDepthAround, text)) return line
  const { at, message } = line
  return { at, message: `${message} (its fields cannot be shown: they are ${tooDeep()})` }
}

function progressView({ note, ...progress }: NonNullable<Told['progress']>, withNote: boolean): ProgressView {
  const view = { ...progress, at: progress.at.toISOString() }
  return withNote && note !== undefined ? { ...view, note } : view
}
