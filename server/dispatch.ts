/** Dispatch: one attempt of a claimed job, from the signed call to its receipt. */
import type { FunctionCall } from '../core/wire.js'
import { released } from './transition.js'
import type { Deps } from './deps.js'
import type { Answer } from './invoke.js'
import { failure, record, timeout } from './receive.js'
import type { ClaimedJob } from './store/documents.js'

/** Why a call was broken off before its deadline. */
export type BreakOff = 'shutdown' | 'cancelled'

/**
 * Calls the function and answers with what it said, or that the call was aborted: at the deadline, or by `broken`. Never rejects.
 * A heartbeat may have moved the deadline, perhaps on another coordinator; so at the deadline the database is asked.
 */
export async function call(deps: Deps, job: ClaimedJob, broken: AbortSignal): Promise<Answer> {
  const aborting = new AbortController()
  const answered = new AbortController()
  const breakOff = () => aborting.abort()
  broken.addEventListener('abort', breakOff, { once: true })
  if (broken.aborted) breakOff()

  const watchDeadline = async () => {
    let deadline = job.deadline
    while (!answered.signal.aborted) {
      await deps.clock.sleep(deadline.getTime() - deps.clock.now().getTime(), answered.signal)
      if (answered.signal.aborted) return
      const moved = await movedDeadline(deps, job)
      if (moved === undefined || moved <= deps.clock.now()) return aborting.abort()
      deadline = moved
    }
  }
  void watchDeadline().catch(() => aborting.abort())

  try {
    return await deps.invoke({
      url: functionAddress(deps, job.worker),
      ...signedCall(deps, job),
      signal: aborting.signal,
    })
  } catch (error) {
    // an invoker of the user's own may throw; ours answers
    deps.log('error', 'an invoker threw', { worker: job.worker, error })
    return { kind: 'failed', code: 'UNREACHABLE', message: 'The function could not be called.' }
  } finally {
    answered.abort()
    broken.removeEventListener('abort', breakOff)
  }
}

async function movedDeadline(deps: Deps, job: ClaimedJob): Promise<Date | undefined> {
  const current = await deps.store.jobs.find(job._id)
  return current?.claim === job.claim ? current.deadline : undefined
}

/** Writes what an answer means for the job. Never rejects: what goes wrong here is found by the reaper at the deadline. */
export async function settle(deps: Deps, job: ClaimedJob, answer: Answer, broken: AbortSignal): Promise<void> {
  try {
    await settleAnswer(deps, job, answer, broken)
  } catch (error) {
    deps.log('error', 'an attempt could not be settled; the reaper will', { job: job._id, attempt: job.attempt, error })
  }
}

async function settleAnswer(deps: Deps, job: ClaimedJob, answer: Answer, broken: AbortSignal): Promise<void> {
  switch (answer.kind) {
    case 'accepted':
      return
    case 'receipt':
      await record(deps, job, answer.receipt, 'function')
      return
    case 'failed':
      await record(deps, job, failure(answer.code, answer.message, answer.retryAfterMs), 'coordinator')
      return
    case 'aborted':
      if (!broken.aborted) await record(deps, job, timeout, 'coordinator')
      else if (broken.reason === 'shutdown') await deps.writes.applyTransition(released(job))
  }
}

const functionAddress = (deps: Deps, worker: string): string => `${deps.functionsUrl}/${worker.replaceAll('.', '/')}`

function signedCall(deps: Deps, job: ClaimedJob): { headers: Record<string, string>; body: string } {
  const token = deps.signer.receiptToken(job._id, job.claim)
  const call: Omit<FunctionCall, 'args' | 'argsMeta'> = {
    id: job._id,
    worker: job.worker,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    deadline: job.deadline.toISOString(),
    receipt: `${deps.url}/job/${job._id}/receipt?token=${token}`,
  }
  // args lie in the database as JSON text and are forwarded without being parsed
  const meta = job.argsMeta === undefined ? '' : `,"argsMeta":${job.argsMeta}`
  const body = `${JSON.stringify(call).slice(0, -1)},"args":${job.args}${meta}}`
  return { headers: deps.signer.headers(`${job._id}.${job.attempt}`, deps.clock.now(), body), body }
}
