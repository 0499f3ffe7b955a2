/** Tells how a job ended, to those who waited for it. */
import type { JobView } from '../core/views/answers.gen.js'
import { isFinal } from '../core/states.js'
import type { Cli } from './cli.js'
import { describeReceipt } from './jobText.js'
import type { Output, Problem } from './output.js'
import { Told } from './problem.js'
import { paintState } from './style.js'

/** Exit code 0 is for success alone. */
export function tellEnd(cli: Cli, out: Output, job: JobView): void {
  const { id, worker, state, attempt } = job
  const receipt = isFinal(state) ? (job.receipts.at(-1) ?? null) : null
  out.result({ id, worker, state, attempt, receipt }, (style) =>
    [
      `${id}  ${worker}  ${paintState(style, state)}`,
      ...(receipt === null ? [] : [describeReceipt(style, receipt, cli)]),
    ].join('\n'),
  )
  if (state === 'succeeded') return
  out.problem(whyNotSucceeded(job))
  throw new Told()
}

/** With the codes that the client gives. */
function whyNotSucceeded({ id, state, attempt }: JobView): Problem {
  if (state === 'failed') return { code: 'JOB_FAILED', message: `Job ${id} failed at attempt ${attempt}.` }
  if (state === 'cancelled') return { code: 'JOB_CANCELLED', message: `Job ${id} was cancelled.` }
  const message = `Job ${id} is not over yet, it is ${state}, and goes on. See it with: errand jobs get ${id}`
  return { code: 'RECEIPT_TIMEOUT', message }
}
