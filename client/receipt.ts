/** Waits for the end of a job, and tells how it ended. */
import type { JobEnd } from '../core/views/answers.gen.js'
import type { Clock } from '../core/time/clock.js'
import { durationProblem, parseDuration, type Duration } from '../core/time/duration.js'
import { ErrandError } from '../core/errors.js'
import type { JobState } from '../core/states.js'
import type { End, Ends } from './subscriptions.js'
import { JobFailedError, ReceiptTimeoutError } from './errors.js'
import { receiptOf } from './view.js'
import { isPassing } from './wireError.js'
import type { Receipt, WaitOptions, JobReference } from './jobTypes.js'

export interface WaitDeps {
  ends: Ends
  clock: Clock
}

export function jobReference(deps: WaitDeps, id: string, state?: JobState): JobReference<unknown> {
  const receipt = async (options: WaitOptions = {}) => receiptOfEnd(await endOf(deps, { id, state }, options))
  return {
    id,
    receipt,
    async result(options) {
      const end = await receipt(options)
      if (end.status !== 'success') throw new JobFailedError(id, end)
      return end.result
    },
  }
}

/** Throws `ReceiptTimeoutError`, and errors that asking again cannot help with. */
async function endOf(
  deps: WaitDeps,
  { id, state }: { id: string; state: JobState | undefined },
  { timeout = '5m', signal }: WaitOptions,
): Promise<JobEnd> {
  const timeoutMs = parseDuration(timeout)
  if (timeoutMs === undefined) throw new ErrandError('INVALID_TIME', durationProblem(timeout))
  signal?.throwIfAborted()
  const end = timeoutMs === 0 ? undefined : await endWithin(deps, id, timeoutMs, signal)
  return checkKnown(end ?? (await lookOnce(deps, { id, state }, timeout)))
}

/** Undefined where the time is over. Throws the reason of `signal`. */
function endWithin({ ends, clock }: WaitDeps, id: string, timeoutMs: number, signal: AbortSignal | undefined) {
  return new Promise<End | undefined>((resolve, reject) => {
    const overAt = clock.now().getTime() + timeoutMs
    const finish = (settle: () => void) => {
      takeBackAlarm()
      takeBackWait()
      signal?.removeEventListener('abort', abort)
      settle()
    }
    const abort = () => finish(() => reject(signal!.reason as Error))
    const ring = () => {
      const leftMs = overAt - clock.now().getTime()
      if (leftMs > 0) takeBackAlarm = clock.alarm(leftMs, ring)
      else finish(() => resolve(undefined))
    }
    let takeBackAlarm = clock.alarm(timeoutMs, ring)
    signal?.addEventListener('abort', abort, { once: true })
    const takeBackWait = ends.wait(id, {
      told: (end) => finish(() => resolve(end)),
      failed: (error) => finish(() => reject(error)),
    })
  })
}

/** At the end of the time: it may have ended just now, and who waited may learn what became of it. */
async function lookOnce(
  { ends }: WaitDeps,
  { id, state }: { id: string; state: JobState | undefined },
  timeout: Duration,
): Promise<End> {
  const job = await ends.look(id).catch((error: unknown) => {
    if (!isPassing(error)) throw error
    throw new ReceiptTimeoutError(id, timeout, state, error)
  })
  if (job.state === null || 'finishedAt' in job) return job
  throw new ReceiptTimeoutError(id, timeout, job.state)
}

function checkKnown(end: End): JobEnd {
  if (end.state !== null) return end
  throw new ErrandError('UNKNOWN_JOB', `There is no job "${end.id}". It may have been purged after its keep time.`)
}

/** A job that was cancelled may have receipts of earlier attempts; they are not how it ended. */
function receiptOfEnd({ id, state, finishedAt, receipt }: JobEnd): Receipt<unknown> {
  if (state === 'cancelled') return { status: 'cancelled', finishedAt: new Date(finishedAt) }
  if (!receipt) throw new ErrandError('INTERNAL', `Job ${id} has ${state} and has no receipt.`)
  if (receipt.resultProblem !== undefined && receipt.resultHidden) {
    throw new ErrandError(
      'UNREADABLE',
      `The result of job ${id} is there and cannot be shown: it is ${receipt.resultProblem}.`,
    )
  }
  if (receipt.resultHidden) {
    throw new ErrandError(
      'FORBIDDEN',
      `This API key may not see the result of job ${id}. Wait with one of the role enqueue or operate, or of observe that sees args.`,
    )
  }
  return receiptOf(receipt)
}
