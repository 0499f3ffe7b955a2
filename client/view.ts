/**
 * Turns what the coordinator shows into what the client's callers see: times are Dates, and args and results are as
 * they were given.
 */
import type { JobRow, JobView, ReceiptView } from '../core/views/answers.gen.js'
import { restorePayload } from '../core/payload/payload.js'
import { pauseOf } from './pauses.js'
import type { AttemptProgressView } from '../core/requests/progress.js'
import type { AttemptProgress, SuccessReceipt, FailureReceipt, JobDetails, JobSummary } from './jobTypes.js'

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
    ...argsOf(view, args, argsMeta),
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
        ...resultOf(view),
        ...(view.resultHidden ? { resultHidden: true as const } : {}),
        ...common,
      }
    : { status: 'failure', error: view.error ?? { name: 'Error', message: '' }, ...common }
}

/** As they were given. One that cannot be put back is shown as its JSON, with the others around it. */
export function argsOf(
  { argsProblem }: Pick<JobRow, 'argsProblem'>,
  args: unknown,
  meta: unknown,
): { args: unknown; argsProblem?: string } {
  const { value, problem = argsProblem } = restored(args, meta)
  return { args: value, ...(problem === undefined ? {} : { argsProblem: problem }) }
}

function resultOf({ result, resultMeta, resultProblem }: ReceiptView): { result: unknown; resultProblem?: string } {
  const { value, problem = resultProblem } = restored(result, resultMeta)
  return { result: value, ...(problem === undefined ? {} : { resultProblem: problem }) }
}

function restored(json: unknown, meta: unknown): { value: unknown; problem?: string } {
  if (meta === undefined) return { value: json }
  try {
    // on a copy, because values are put back in place
    return { value: restorePayload(structuredClone(json), meta) }
  } catch (error) {
    return {
      value: json,
      problem: `shown as its JSON: ${error instanceof Error ? error.message : 'its meta does not fit'}`,
    }
  }
}

const toldOf = ({
  progress,
  log,
  logDropped,
}: { [Field in keyof AttemptProgressView]: AttemptProgressView[Field] | undefined }): AttemptProgress => ({
  ...(progress && { progress: { ...progress, at: new Date(progress.at) } }),
  ...(log && { log: log.map((line) => ({ ...line, at: new Date(line.at) })) }),
  ...(logDropped !== undefined && { logDropped }),
})
