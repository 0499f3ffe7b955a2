/** Turns documents into what callers see. */
import type { JobRow, JobView, ReceiptView } from '../../core/views/answers.gen.js'
import { withoutDeepCauses } from '../../core/payload/causes.js'
import { withoutKey } from '../../core/views/why.js'
import type { JobState } from '../../core/states.js'
import type { Disclosure } from '../access/disclosure.js'
import { pauseView } from '../flowControl/knownPauses.js'
import type { JobDocument, ReceiptDocument } from '../store/documents.js'
import { progressSoFar, attemptProgressView } from '../jobs/attemptProgress.js'
import type { Pauses, Contracts } from '../deps.js'

/** States of jobs that a pause keeps from starting, now or when they are due. */
const waitingStates: readonly JobState[] = ['scheduled', 'queued', 'blocked']

/** Needed to show a document. */
interface Seen {
  contracts: Contracts
  pauses: Pauses
  disclosure: Disclosure
}

export function jobView(
  job: JobDocument,
  receipts: ReceiptDocument[],
  { contracts, pauses, disclosure }: Seen,
): JobView {
  const pause = waitingStates.includes(job.state) ? pauses.covering(job) : undefined
  return {
    id: job._id,
    worker: job.worker,
    state: job.state,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    ...(job.snoozes === undefined ? {} : { snoozes: job.snoozes }),
    priority: job.priority,
    runAt: job.runAt.toISOString(),
    createdAt: job.createdAt.toISOString(),
    ...(job.finishedAt === undefined ? {} : { finishedAt: job.finishedAt.toISOString() }),
    ...(job.key === undefined || !disclosure.seesKeys ? {} : { key: job.key }),
    ...(job.parent === undefined ? {} : { parent: job.parent }),
    ...(job.scheduleId === undefined ? {} : { scheduleId: job.scheduleId }),
    ...(job.replayOf === undefined ? {} : { replayOf: job.replayOf }),
    ...(job.group === undefined ? {} : { groupId: job.group }),
    ...(job.callbackOf === undefined ? {} : { callbackOfGroupId: job.callbackOf }),
    ...attemptProgressView(progressSoFar(job, receipts), disclosure),
    ...(pause === undefined ? {} : { paused: disclosure.seesKeys ? pauseView(pause) : withoutKey(pauseView(pause)) }),
    ...(job.deployment === undefined ? {} : { deployment: job.deployment }),
    ...(job.pinned ? { pinned: true as const } : {}),
    workerKnown: contracts.has(job.worker),
    ...(job.erased ? { args: null, erased: true as const } : disclosure.args(job)),
    ...(job.argsVersion === undefined ? {} : { argsVersion: job.argsVersion }),
    receipts: receipts.map((receipt) => receiptView(receipt, disclosure, isLate(job, receipt))),
  }
}

/** A job as lists show it. */
export function jobRow(job: JobDocument, seen: Seen): JobRow {
  const { receipts: _, log: _log, logDropped: _dropped, ...row } = jobView(job, [], seen)
  return row
}

/** Whether its attempt had been cancelled before it came. */
const isLate = ({ cancelledAttempts }: JobDocument, { _id }: ReceiptDocument): boolean =>
  cancelledAttempts?.some(({ claim }) => _id.endsWith(`:${claim}`)) ?? false

export const receiptView = (
  receipt: ReceiptDocument,
  disclosure: Pick<Disclosure, 'result' | 'seesResults'>,
  late = false,
): ReceiptView => ({
  attempt: receipt.attempt,
  status: receipt.status,
  ...(late ? { late: true } : {}),
  ...disclosure.result(receipt),
  // one from before causes were cut
  ...(receipt.error === undefined ? {} : { error: withoutDeepCauses(receipt.error) }),
  ...attemptProgressView(receipt, disclosure),
  startedAt: receipt.startedAt.toISOString(),
  finishedAt: receipt.finishedAt.toISOString(),
})
