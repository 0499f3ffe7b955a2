/**
 * Keeps what an attempt tells beside its receipt: progress, and lines of its log. While it runs they stand with the
 * job; at its end they go into the receipt. Pure.
 *
 * Both belong to one run by its claim. Runs of the same attempt follow each other where the first one snoozed, or was
 * broken off by a shutdown; then the lines of the earlier run stand before those of the later one, and its progress
 * holds until there is a newer one.
 */
import { joinLogs, type LogLine } from '../../core/job/attemptLog.js'
import { isDeeperThan, maxDepthAround, tooDeep } from '../../core/payload/depth.js'
import {
  sentLog,
  type ParsedProgress,
  type ProgressView,
  type AttemptProgressView,
} from '../../core/requests/progress.js'
import type { Viewer } from '../access/disclosure.js'
import type { RunProgress, ClaimedJob, JobDocument, ReceiptDocument, AttemptProgress } from '../store/documents.js'

type WithProgress = Pick<ClaimedJob, 'attempt' | 'claim' | 'runProgress'>

/** Progress and log of the attempt once this came in. */
export function addProgress(job: WithProgress, sent: ParsedProgress, now: Date): RunProgress {
  const { attempt, claim } = job
  const before = job.runProgress?.attempt === attempt ? job.runProgress : undefined
  const sameRun = before?.claim === claim ? before : undefined
  const progress = sent.progress ? heardAt(now, sent.progress) : before?.progress
  const log = sentLog(sent) ?? sameRun?.log
  const earlierLog = sameRun ? sameRun.earlierLog : before && allLines(before)
  return { attempt, claim, ...(progress && { progress }), ...(log && { log }), ...(earlierLog && { earlierLog }) }
}

const heardAt = (at: Date, { fraction, note }: NonNullable<ParsedProgress['progress']>) => ({
  fraction,
  ...(note === undefined ? {} : { note }),
  at,
})

/** All that the attempt has told, with what its receipt says. Empty for most. */
export function progressAtEnd(job: WithProgress, sent: ParsedProgress, now: Date): AttemptProgress {
  if (!job.runProgress && !sent.progress && !sent.log) return {}
  return progressOf(addProgress(job, sent, now))
}

/** Progress and log of the attempt that runs, or ran last, which no receipt has yet. */
export function progressSoFar(
  { runProgress, attempt }: JobDocument,
  receipts: readonly ReceiptDocument[],
): AttemptProgress {
  // a job that snoozed has given its attempt back, and will take it again
  if (
    !runProgress ||
    runProgress.attempt < attempt ||
    receipts.some((receipt) => receipt.attempt === runProgress.attempt)
  )
    return {}
  return progressOf(runProgress)
}

function progressOf(run: RunProgress): AttemptProgress {
  const { progress } = run
  const log = allLines(run)
  return { ...(progress && { progress }), ...(log && { log }) }
}

const allLines = ({ earlierLog, log }: RunProgress) => joinLogs(earlierLog, log)

/** To those who do not see results, only how far it is. */
export const attemptProgressView = (
  { progress, log }: AttemptProgress,
  { seesResults }: Pick<Viewer, 'seesResults'>,
): AttemptProgressView => ({
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

function progressView(
  { note, ...progress }: NonNullable<AttemptProgress['progress']>,
  withNote: boolean,
): ProgressView {
  const view = { ...progress, at: progress.at.toISOString() }
  return withNote && note !== undefined ? { ...view, note } : view
}
