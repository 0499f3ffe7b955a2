/** What the coordinator shows, as the client's callers see it: times are Dates, and args and results are as they were given. */
import { restorePayload } from '../core/payload.js'
import type { JobView, ReceiptView } from '../core/wire.js'
import type { FailureReceipt, JobDetails, JobSummary, SuccessReceipt } from './types.js'

export const jobDetails = ({ receipts, ...view }: JobView): JobDetails => ({
  ...jobSummary(view),
  receipts: receipts.map(receiptOf),
})

export function jobSummary({
  args,
  argsMeta,
  runAt,
  createdAt,
  finishedAt,
  ...view
}: Omit<JobView, 'receipts'>): JobSummary {
  return {
    ...view,
    runAt: new Date(runAt),
    createdAt: new Date(createdAt),
    ...(finishedAt === undefined ? {} : { finishedAt: new Date(finishedAt) }),
    args: restorePayload(args, argsMeta),
  }
}

export function receiptOf(view: ReceiptView): SuccessReceipt<unknown> | FailureReceipt {
  const common = {
    attempt: view.attempt,
    ...(view.late ? { late: true as const } : {}),
    startedAt: new Date(view.startedAt),
    finishedAt: new Date(view.finishedAt),
  }
  return view.status === 'success'
    ? { status: 'success', result: restorePayload(view.result, view.resultMeta), ...common }
    : { status: 'failure', error: view.error ?? { name: 'Error', message: '' }, ...common }
}
