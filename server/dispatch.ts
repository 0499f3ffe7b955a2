/** Dispatch: one attempt of a claimed job, from the signed call to its receipt. */
import { versionField } from '../core/migrate.js'
import type { FunctionCall } from '../core/wire.js'
import type { BreakOff, Breaking } from './breaking.js'
import { released } from './transition.js'
import type { Deps } from './deps.js'
import type { Answer, Call } from './invoke.js'
import { failure, record, timeout } from './receive.js'
import type { ClaimedJob } from './store/documents.js'

/**
 * Calls the function and answers with what it said, or that the call was aborted. Never rejects.
 * `breaking` is the attempt's own: the call is broken off here at the deadline, and by others for other reasons.
 */
export async function call(deps: Deps, job: ClaimedJob, breaking: Breaking): Promise<Answer> {
  if (job.deadline <= deps.clock.now()) {
    // it waited too long for its lane; somebody else may have reaped it and given its slot away
    breaking.breakOff('deadline')
    return { kind: 'aborted' }
  }
  const stopWatching = watchDeadline(deps, job, breaking)
  try {
    return await deps.invoke(signedCall(deps, job, breaking))
  } catch (error) {
    // an invoker of the user's own may throw; ours answers
    deps.log('error', 'an invoker threw', { worker: job.worker, error })
    return { kind: 'failed', code: 'UNREACHABLE', message: 'The function could not be called.' }
  } finally {
    stopWatching()
  }
}

/** A heartbeat may have moved the deadline, perhaps on another coordinator; so at the deadline the database is asked. */
function watchDeadline(deps: Deps, job: ClaimedJob, breaking: Breaking): () => void {
  const breakOff = () => breaking.breakOff('deadline')
  const leftMs = (deadline: Date) => deadline.getTime() - deps.clock.now().getTime()
  let cancel: () => void
  let watching = true
  const look = async () => {
    const deadline = await movedDeadline(deps, job)
    if (!watching) return
    if (deadline === undefined || leftMs(deadline) <= 0) breakOff()
    else watch(deadline)
  }
  const watch = (deadline: Date) => {
    cancel = deps.clock.alarm(leftMs(deadline), () => void look().catch(breakOff))
  }
  watch(job.deadline)
  return () => {
    watching = false
    cancel()
  }
}

async function movedDeadline(deps: Deps, job: ClaimedJob): Promise<Date | undefined> {
  const current = await deps.store.jobs.find(job._id)
  return current?.claim === job.claim ? current.deadline : undefined
}

/** Writes what an answer means for the job; `reason` says why the call was broken off, if it was. Never rejects: what goes wrong here is found by the reaper at the deadline. */
export async function settle(deps: Deps, job: ClaimedJob, answer: Answer, reason: BreakOff | undefined): Promise<void> {
  try {
    await settleAnswer(deps, job, answer, reason)
  } catch (error) {
    deps.log('error', 'an attempt could not be settled; the reaper will', { job: job._id, attempt: job.attempt, error })
  }
}

async function settleAnswer(deps: Deps, job: ClaimedJob, answer: Answer, reason: BreakOff | undefined): Promise<void> {
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
      if (reason === 'deadline') await record(deps, job, timeout, 'coordinator')
      else if (reason === 'shutdown') await deps.writes.applyTransition(released(job))
  }
}

const functionAddress = (deps: Deps, worker: string): string => `${deps.functionsUrl}/${worker.replaceAll('.', '/')}`

function signedCall(deps: Deps, job: ClaimedJob, breaking: Breaking): Call {
  const token = deps.signer.receiptToken(job._id, job.claim)
  const call: Omit<FunctionCall, 'args' | 'argsMeta'> = {
    id: job._id,
    worker: job.worker,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    ...versionField(job.argsVersion),
    deadline: job.deadline.toISOString(),
    receipt: `${deps.url}/job/${job._id}/receipt?token=${token}`,
  }
  // args lie in the database as JSON text and are forwarded without being parsed
  const meta = job.argsMeta === undefined ? '' : `,"argsMeta":${job.argsMeta}`
  const body = `${JSON.stringify(call).slice(0, -1)},"args":${job.args}${meta}}`
  return {
    url: functionAddress(deps, job.worker),
    headers: deps.signer.headers(`${job._id}.${job.attempt}`, deps.clock.now(), body),
    body,
    get signal() {
      return breaking.signal
    },
    onAbort: (listener) => breaking.onBreak(listener),
  }
}
