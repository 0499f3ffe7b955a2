/**
 * Receive: the receipt of an attempt goes into the ledger, then the job moves on.
 *
 * The ledger decides. Its id is made of job and claim, so of two receipts for one attempt (a function that posts twice,
 * or a function and the reaper at the deadline) the first is kept and the other is known as a repeat. If the
 * coordinator dies between ledger and move, the reaper finds the receipt at the deadline and finishes the move; the
 * work is not run again.
 */
import { withoutDeepCauses } from '../../core/payload/causes.js'
import { isNestedDeeper, maxDepth, tooDeep } from '../../core/payload/depth.js'
import { encodePayload, isTooDeep, restorePayload } from '../../core/payload/payload.js'
import type { Contract } from '../../core/job/contract.js'
import { ErrandError } from '../../core/errors.js'
import { isFinal } from '../../core/states.js'
import { durationMs } from '../../core/time/duration.js'
import type { ParsedAttemptResult } from '../../core/requests/attemptResult.js'
import { retryAfterMs, type ParsedReceiptBody, type ReceiptError } from '../../core/requests/wire.js'
import type { Deps } from '../deps.js'
import { finishedEvent } from '../events.js'
import {
  receiptId,
  type CancelledAttempt,
  type AttemptResultDocument,
  type ClaimedJob,
  type JobDocument,
  type ReceiptDocument,
} from '../store/documents.js'
import type { Transition } from '../store/jobs/attempt.js'
import { refuseLargeResult, withoutLargeResult } from '../functions/resultSize.js'
import { extendSlot, freeSlot } from '../flowControl/slots.js'
import { progressAtEnd } from './attemptProgress.js'
import { decide, requeued } from './transition.js'

/** A failure in the coordinator's own words. */
export function failure(code: string, message: string, retryAfterMs?: number): ParsedReceiptBody {
  const error: ReceiptError = { name: 'ErrandError', message, code }
  return { status: 'failure', error, ...(retryAfterMs === undefined ? {} : { retryAfter: retryAfterMs / 1_000 }) }
}

export const timeout: ParsedReceiptBody = failure('TIMEOUT', 'No receipt came before the deadline.')

/**
 * A function that says so at its deadline may have left its work going on; its place falls free by itself a moment
 * later. Without a deadline: of an attempt that is over, whose deadline is not known any more.
 */
export const isTimedOut = (body: ParsedAttemptResult, deadline: Date | undefined, now: Date): boolean =>
  body.status === 'failure' &&
  body.error.code === 'TIMEOUT' &&
  (deadline === undefined || deadline.getTime() - now.getTime() < aroundDeadlineMs)

const aroundDeadlineMs = 5_000

/**
 * Writes the receipt of an attempt that is known to be ours, and moves its job. Answers whether it was the first one.
 * May be asked again where its answer was lost.
 */
export async function record(
  deps: Deps,
  job: ClaimedJob,
  body: ParsedAttemptResult,
  by: ReceiptDocument['by'],
  finishedAt: Date = deps.clock.now(),
): Promise<boolean> {
  const limitBytes = (await contractOf(deps, job))?.maxResultBytes
  const end = limitBytes === undefined ? body : withoutLargeResult(body, limitBytes)
  const receipt = endDocument(job, end, by, finishedAt)
  const transition = await transitionFor(deps, job, receipt)
  const first = await deps.writes.settle({ receipt, transition })
  if (first) await moved(deps, job, receipt, transition)
  else await finishMove(deps, job)
  return first
}

/**
 * The run has another receipt in the ledger: of another coordinator, which may have died between ledger and move; or
 * ours, of a write whose answer was lost. That one decides in either case, and its move is guarded; so any coordinator
 * that finds it may finish what it began.
 */
async function finishMove(deps: Deps, { _id: jobId, claim }: ClaimedJob): Promise<void> {
  const job = await deps.store.jobs.find(jobId)
  if (!job || !isCurrent(job, claim)) return
  const receipt = await deps.store.receipts.find(receiptId(jobId, claim))
  if (receipt) await move(deps, job, receipt)
}

/**
 * Gives the job of a run back that a shutdown broke off. The function may have posted a receipt meanwhile, to another
 * coordinator; so this goes through the ledger too, and where a receipt is there already, that decides.
 */
export async function giveBack(deps: Deps, job: ClaimedJob): Promise<void> {
  const { _id: jobId, claim, attempt, startedAt } = job
  const run = { _id: receiptId(jobId, claim), attempt, startedAt, finishedAt: deps.clock.now() }
  const receipt: AttemptResultDocument = { ...run, status: 'requeued', by: 'coordinator' }
  if (!(await deps.writes.settle({ receipt, transition: requeued(job) }))) await finishMove(deps, job)
}

async function move(deps: Deps, job: ClaimedJob, receipt: AttemptResultDocument): Promise<void> {
  const transition = await transitionFor(deps, job, receipt)
  await deps.writes.applyTransition(transition)
  await moved(deps, job, receipt, transition)
}

/**
 * Another coordinator may be about to write another end of the same run: its call failed behind the snooze that its
 * function posted elsewhere. It finds the snooze in the ledger; else its receipt would be the second one of that
 * attempt, which goes on. An entry that stays longer goes with a later run, or with the job.
 */
const snoozeStaysMs = 60_000

async function moved(
  deps: Deps,
  job: ClaimedJob,
  receipt: AttemptResultDocument,
  { set, member }: Transition,
): Promise<void> {
  if (receipt.status === 'snoozed') deps.metrics.snoozed(job.worker)
  else if (receipt.status !== 'requeued') {
    deps.metrics.attempt(job.worker, receipt)
    deps.events.emit('attempted', { job, receipt })
  }
  if (isFinal(set.state)) deps.events.emit('finished', finishedEvent(job))
  else if (set.state === 'queued') deps.events.emit('queued', undefined)
  else if (set.runAt) deps.events.emit('scheduled', set.runAt)
  if (job.snoozes !== undefined) {
    const before = new Date(deps.clock.now().getTime() - snoozeStaysMs)
    await deps.store.receipts.removeSnoozes(job._id, before)
  }
  if (member && isFinal(set.state)) await deps.groups.memberFinal(member, set.state)
}

async function transitionFor(deps: Deps, job: ClaimedJob, receipt: AttemptResultDocument): Promise<Transition> {
  return decide(job, receipt, await contractOf(deps, job), deps.clock.now(), deps.random)
}

/** `undefined` where the worker is not deployed any more. */
export async function contractOf({ contracts }: Deps, { worker }: { worker: string }): Promise<Contract | undefined> {
  return contracts.loaded(worker) ?? (contracts.has(worker) ? await contracts.get(worker) : undefined)
}

function endDocument(
  job: Pick<ClaimedJob, '_id' | 'claim' | 'attempt' | 'startedAt' | 'runProgress'>,
  body: ParsedAttemptResult,
  by: ReceiptDocument['by'],
  finishedAt: Date,
): AttemptResultDocument {
  const { _id: jobId, claim, attempt, startedAt } = job
  const common = {
    _id: receiptId(jobId, claim),
    attempt,
    by,
    startedAt,
    finishedAt,
    ...progressAtEnd(job, body, finishedAt),
  }
  if (body.status === 'snoozed') {
    return { ...common, by: 'function', status: 'snoozed', delayMs: durationMs(body.delay) }
  }
  if (body.status === 'success') {
    const texts = resultTexts(body)
    return texts
      ? { ...common, status: 'success', ...texts }
      : { ...common, status: 'failure', error: resultTooDeep, fatal: true }
  }
  return {
    ...common,
    status: 'failure',
    error: withoutDeepCauses(body.error),
    ...(body.retryAfter === undefined ? {} : { retryAfterMs: retryAfterMs(body.retryAfter) }),
    ...(body.fatal ? { fatal: true } : {}),
  }
}

/** An attempt whose token was shown. */
export interface NamedAttempt {
  jobId: string
  claim: string
}

/** The attempt that a token was given out for; looks at nothing but the token. Throws `UNAUTHORIZED`. */
export function attemptNamed({ signer }: Deps, jobId: string, token: string | undefined): NamedAttempt {
  const claim = token === undefined ? undefined : signer.readReceiptToken(jobId, token)
  if (claim !== undefined) return { jobId, claim }
  throw new ErrandError(
    'UNAUTHORIZED',
    'The token is not one of this job. Use the address in `receipt` of the call as it is, with its query.',
  )
}

/** Undefined where they are nested too deep for their readers. */
function resultTexts({ result, resultMeta }: ParsedReceiptBody & { status: 'success' }) {
  try {
    const texts = {
      ...(result === undefined ? {} : { result: JSON.stringify(result) }),
      ...(resultMeta === undefined ? {} : { resultMeta: JSON.stringify(resultMeta) }),
    }
    return isTooDeep({ json: texts.result ?? '', meta: texts.resultMeta ?? '' }) ? undefined : texts
  } catch (error) {
    // JSON is written by recursion
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** It would come again each time, so it fails for good. */
const resultTooDeep: ReceiptError = {
  name: 'ErrandError',
  code: 'BAD_RECEIPT',
  message: `The function answered with a result, or a resultMeta, that is ${tooDeep()}. Return it flatter, or as text.`,
}

/**
 * A receipt that came by itself, to the attempt's own address, or a snooze.
 * Throws `UNKNOWN_JOB` and `ATTEMPT_OVER`.
 */
export async function receivePosted(
  deps: Deps,
  { jobId, claim }: NamedAttempt,
  body: ParsedAttemptResult,
): Promise<{ duplicate: boolean }> {
  const job = await jobOf(deps, jobId)
  const contract = await contractOf(deps, job)
  refuseDeepResult(body)
  refuseLargeResult(body, contract?.maxResultBytes)
  checkResult(body)
  const over = !isTimedOut(body, isCurrent(job, claim) ? job.deadline : undefined, deps.clock.now())
  try {
    return await takePosted(deps, { job, claim, contract }, body)
  } finally {
    if (over) await freeSlot(deps, { ...job, claim })
  }
}

interface PostedAttempt {
  job: JobDocument
  claim: string
  contract: Contract | undefined
}

async function takePosted(
  deps: Deps,
  { job, claim, contract }: PostedAttempt,
  body: ParsedAttemptResult,
): Promise<{ duplicate: boolean }> {
  const jobId = job._id
  if (isCurrent(job, claim)) {
    if (deps.hearing.isInTime(job, contract)) {
      const first = await record(deps, job, body, 'function')
      if (first) return { duplicate: false }
    } else {
      // nothing is decided by this: the reaper would do the same at its next round
      await record(deps, job, timeout, 'coordinator')
    }
  }
  const cancelled = job.cancelledAttempts?.find((attempt) => attempt.claim === claim)
  if (cancelled && body.status !== 'snoozed') return recordLate(deps, job, cancelled, body)
  const known = await deps.store.receipts.find(receiptId(jobId, claim))
  if (known?.by === 'function') return { duplicate: true }
  throw new ErrandError(
    'ATTEMPT_OVER',
    known
      ? 'This attempt is over: its receipt did not come before the deadline.'
      : 'This attempt is over: the job was cancelled, or another attempt has begun.',
    { details: { id: jobId, state: (await deps.store.jobs.find(jobId))?.state ?? job.state } },
  )
}

/**
 * The work of a cancelled attempt was done all the same, and the job should show that: its receipt goes into the
 * ledger. It moves nothing, because the cancel has taken the claim that every move names.
 */
async function recordLate(
  deps: Deps,
  job: JobDocument,
  { claim, attempt, startedAt }: CancelledAttempt,
  body: ParsedReceiptBody,
): Promise<never> {
  const receipt = endDocument({ ...job, claim, attempt, startedAt }, body, 'function', deps.clock.now())
  await deps.store.receipts.insertMany([receipt])
  throw new ErrandError(
    'ATTEMPT_OVER',
    'This attempt is over: the job was cancelled. The receipt is kept, and changes nothing.',
    { details: { id: job._id, state: job.state, recorded: true } },
  )
}

/**
 * Moves the deadline of an attempt to the worker's timeout from now, within what it may take in all. Throws as
 * `receivePosted` does.
 */
export async function heartbeat(deps: Deps, { jobId, claim }: NamedAttempt): Promise<{ deadline: Date }> {
  const job = await jobOf(deps, jobId)
  const now = deps.clock.now()
  const contract = await deps.contracts.get(job.worker)
  if (!isCurrent(job, claim) || !deps.hearing.isInTime(job, contract)) throw attemptOver(job)
  const latest = job.startedAt.getTime() + contract.maxRuntimeMs
  const deadline = new Date(Math.min(now.getTime() + contract.timeoutMs, latest))
  await extendSlot(deps, job, deadline)
  if (await deps.store.jobs.moveDeadline(jobId, claim, beforeBoth(now, job.deadline), deadline)) return { deadline }
  throw attemptOver(job)
}

/** The last moment that is before the deadline, and not after now. */
export const beforeBoth = (now: Date, deadline: Date): Date => (now < deadline ? now : new Date(deadline.getTime() - 1))

/** The function works on the attempt no more, however it ended: its answer was not heard. Throws `UNKNOWN_JOB`. */
export async function receiveEnded(deps: Deps, { jobId, claim }: NamedAttempt): Promise<void> {
  const job = await jobOf(deps, jobId)
  await contractOf(deps, job)
  await freeSlot(deps, { ...job, claim })
}

export const attemptOver = ({ _id: id, state }: JobDocument): ErrandError =>
  new ErrandError('ATTEMPT_OVER', 'This attempt is over; the function should stop its work.', {
    details: { id, state },
  })

/** The attempt, as long as it may still do anything. Throws as `heartbeat` does. */
export async function currentAttempt(deps: Deps, { jobId, claim }: NamedAttempt): Promise<ClaimedJob> {
  const job = await jobOf(deps, jobId)
  if (isCurrent(job, claim) && deps.hearing.isInTime(job, await contractOf(deps, job))) return job
  throw attemptOver(job)
}

async function jobOf(deps: Deps, jobId: string): Promise<JobDocument> {
  const job = await deps.store.jobs.find(jobId)
  if (!job) throw unknownJob(jobId)
  return job
}

const isCurrent = (job: JobDocument, claim: string): job is ClaimedJob => job.state === 'running' && job.claim === claim

function refuseDeepResult(body: ParsedAttemptResult): void {
  if (body.status !== 'success') return
  const field = (['result', 'resultMeta'] as const).find((field) => isNestedDeeper(maxDepth, body[field]))
  if (field === undefined) return
  throw new ErrandError('BAD_REQUEST', `\`${field}\` is ${tooDeep()}. Send it flatter, or as text.`, {
    issues: [{ path: [field], code: 'too_deep', message: `is ${tooDeep()}` }],
  })
}

/** A result whose meta does not fit it would break every reader later; better to refuse it now. */
function checkResult(body: ParsedAttemptResult): void {
  if (body.status !== 'success' || body.resultMeta === undefined) return
  try {
    encodePayload(restorePayload(structuredClone(body.result), structuredClone(body.resultMeta)))
  } catch {
    throw new ErrandError(
      'BAD_REQUEST',
      '`resultMeta` does not fit `result`. Leave it out, or send what superjson made.',
      {
        issues: [{ path: ['resultMeta'], code: 'invalid_meta', message: 'does not fit the result' }],
      },
    )
  }
}

export const unknownJob = (jobId: string): ErrandError =>
  new ErrandError(
    'UNKNOWN_JOB',
    `There is no job "${jobId.slice(0, 100)}". It may have been purged after its keep time.`,
    {
      details: { id: jobId.slice(0, 100) },
    },
  )
