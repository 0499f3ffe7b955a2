/**
 * Turns what the coordinator shows into what the client's callers see: times are Dates, and args and results are as
 * they were given.
 */
import type { JobRow, JobView, ReceiptView } from '../core/views/answers.gen.js'
import { restorePayload } from '../core/payload/payload.js'
import { dated } from './dated.js'
import type { SuccessReceipt, FailureReceipt, JobDetails, JobSummary } from './jobTypes.js'

export const jobDetails = ({ args, argsMeta, receipts, ...view }: JobView): JobDetails => ({
  ...dated(view),
  ...argsOf(view, args, argsMeta),
  receipts: receipts.map(receiptOf),
})

export const jobSummary = ({ args, argsMeta, ...view }: JobRow): JobSummary => ({
  ...dated(view),
  ...argsOf(view, args, argsMeta),
})

export function receiptOf(view: ReceiptView): SuccessReceipt<unknown> | FailureReceipt {
  const { status, result: _result, resultMeta: _meta, resultProblem: _problem, resultHidden, error, ...rest } = view
  return status === 'success'
    ? { status, ...resultOf(view), ...(resultHidden ? { resultHidden } : {}), ...dated(rest) }
    : { status, error: error ?? { name: 'Error', message: '' }, ...dated(rest) }
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
