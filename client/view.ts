/** What the coordinator shows, as the client's callers see it: times are Dates, and args and results are as they were given. */
import { restorePayload } from '../core/payload.js'
import { pauseOf } from './pauses.js'
import type { ReportView } from '../core/report.js'
import type { JobRow, JobView, ReceiptView } from '../core/wire.js'
import type { FailureReceipt, JobDetails, JobSummary, SuccessReceipt, Told } from './types.js'

export const jobDetails = ({ receipts, log, logDropped, ...view }: JobView): JobDetails => ({
  ...jobSummary(view),
  ...toldOf({ log, logDropped }),
  receipts: receipts.map(receiptOf),
})

export function jobSummary({
  args,
  argsMeta,
  runAt,
  createdAt,
  finishedAt,
  progress,
  paused,
  ...view
}: JobRow): JobSummary {
  return {
    ...view,
    runAt: new Date(runAt),
    createdAt: new Date(createdAt),
    ...(finishedAt === undefined ? {} : { finishedAt: new Date(finishedAt) }),
    ...toldOf({ progress }),
    ...(paused === undefined ? {} : { paused: pauseOf(paused) }),
    args: restorePayload(args, argsMeta),
  }
}

export function receiptOf(view: ReceiptView): SuccessReceipt<unknown> | FailureReceipt {
  const common = {
    attempt: view.attempt,
    ...(view.late ? { late: true as const } : {}),
    startedAt: new Date(view.startedAt),
    finishedAt: new Date(view.finishedAt),
    ...toldOf(view),
  }
  return view.status === 'success'
    ? {
        status: 'success',
        result: restorePayload(view.result, view.resultMeta),
        ...(view.resultHidden ? { resultHidden: true as const } : {}),
        ...common,
      }
    : { status: 'failure', error: view.error ?? { name: 'Error', message: '' }, ...common }
}

const toldOf = ({
  progress,
  log,
  logDropped,
}: { [Field in keyof ReportView]: ReportView[Field] | undefined }): Told => ({
  ...(progress && { progress: { ...progress, at: new Date(progress.at) } }),
  ...(log && { log: log.map((line) => ({ ...line, at: new Date(line.at) })) }),
  ...(logDropped !== undefined && { logDropped }),
})
