/** Waits for the end of a job by long polls: each is held open by the coordinator until the job is final or the poll's time is over. */
import { durationProblem, parseDuration } from '../core/duration.js'
import { ErrandError } from '../core/errors.js'
import { isFinal, type JobState } from '../core/states.js'
import type { JobView } from '../core/wire.js'
import type { Clock } from '../core/clock.js'
import { JobFailedError, ReceiptTimeoutError } from './errors.js'
import type { Transport } from './transport.js'
import type { JobReference, Receipt, WaitOptions } from './types.js'
import { receiptOf } from './view.js'

/** As long as a coordinator holds a request open. */
export const longestPollMs = 25_000
/** How much later than the caller's timeout an answer may still come in. */
const graceMs = 5_000
const firstPauseMs = 250
const longestPauseMs = 5_000

export interface WaitDeps {
  transport: Transport
  clock: Clock
  random: () => number
}

export function jobReference(deps: WaitDeps, id: string, state?: JobState): JobReference<unknown> {
  const receipt = async (options: WaitOptions = {}) =>
    receiptOfFinal(await waitUntilFinal(deps, { id, state }, options))
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

/** Throws `ReceiptTimeoutError`, and whatever asking again cannot help with. */
async function waitUntilFinal(
  { transport, clock, random }: WaitDeps,
  { id, state }: { id: string; state: JobState | undefined },
  { timeout = '5m', signal }: WaitOptions,
): Promise<JobView> {
  const timeoutMs = parseDuration(timeout)
  if (timeoutMs === undefined) throw new ErrandError('INVALID_TIME', durationProblem(timeout))
  const nowMs = () => clock.now().getTime()
  const end = nowMs() + timeoutMs
  let pauseMs = firstPauseMs
  for (;;) {
    const askedAt = nowMs()
    const leftMs = Math.max(0, end - askedAt)
    const pollMs = Math.min(leftMs, longestPollMs)
    const answer = await poll(transport, id, {
      pollMs,
      giveUpMs: Math.min(leftMs + graceMs, pollMs + transport.timeoutMs),
      signal,
    })
    if (!(answer instanceof ErrandError)) {
      if (isFinal(answer.state)) return answer
      state = answer.state
    }
    if (nowMs() >= end) {
      throw new ReceiptTimeoutError(id, timeout, state, answer instanceof ErrandError ? answer : undefined)
    }
    if (nowMs() - askedAt >= pollMs) {
      pauseMs = firstPauseMs
      continue
    }
    // the coordinator cannot be reached, or it is stopping and answers at once: another may have taken its place in a moment
    await clock.sleep(Math.min(pauseMs * (0.5 + random() / 2), end - nowMs()), signal)
    pauseMs = Math.min(pauseMs * 2, longestPauseMs)
  }
}

interface PollOptions {
  pollMs: number
  giveUpMs: number
  signal: AbortSignal | undefined
}

/** The job as it is at the end of one poll, or why the coordinator gave no answer. */
async function poll(
  transport: Transport,
  id: string,
  { pollMs, giveUpMs, signal }: PollOptions,
): Promise<JobView | ErrandError> {
  try {
    return await transport.call(
      (router, options) => router.jobs.wait.query({ id, timeoutMs: Math.ceil(pollMs) }, options),
      {
        timeoutMs: giveUpMs,
        signal,
      },
    )
  } catch (error) {
    if (error instanceof ErrandError && error.code === 'UNAVAILABLE') return error
    throw error
  }
}

/** A job that was cancelled may have receipts of earlier attempts; they are not how it ended. */
function receiptOfFinal(job: JobView): Receipt<unknown> {
  if (job.state === 'cancelled') return { status: 'cancelled', finishedAt: new Date(job.finishedAt!) }
  const last = job.receipts.at(-1)
  if (!last) throw new ErrandError('INTERNAL', `Job ${job.id} has ${job.state} and has no receipt.`)
  return receiptOf(last)
}
