/**
 * Dispatch: one attempt of a claimed job, from the signed call to its receipt.
 *
 * The deadline that a function is told begins with its call. Where jobs are claimed ahead, the stored one is later by
 * as long as they may wait for a lane; where a call comes later than that (the database was slow, the coordinator was
 * halted), the stored deadline is moved before it is made.
 */
import { versionField } from '../../core/job/migrate.js'
import { firstProgressMs } from '../../core/job/attemptLog.js'
import { preferAsync } from '../../core/functions/prefer.js'
import type { FunctionCall, ParsedReceiptBody } from '../../core/requests/wire.js'
import type { AbortReason, CallAbort } from '../functions/callAbort.js'
import type { Deps, Call, Answer } from '../deps.js'
import { failure, giveBack, isTimedOut, record, timeout } from './receive.js'
import { extendSlot, freeSlot, keepSlot, slotRunOf } from '../flowControl/slots.js'
import type { ClaimedJob } from '../store/documents.js'
import { writeFailure } from '../store/writeFailure.js'
import { untilAnswered } from '../untilAnswered.js'

/**
 * Calls the function for these jobs of one worker, and answers with what it said for each, or that the call was
 * aborted. Never rejects. `callAbort` is the call's own: it is broken off here at the deadline, and by others for other
 * reasons.
 */
export async function call(deps: Deps, jobs: ClaimedJob[], callAbort: CallAbort): Promise<Answer[]> {
  const now = deps.clock.now()
  if (jobs.some((job) => isLate(deps, job, now))) return callLate(deps, jobs, now, callAbort)
  return callNow(deps, jobs, now, callAbort)
}

async function callNow(deps: Deps, jobs: ClaimedJob[], now: Date, callAbort: CallAbort): Promise<Answer[]> {
  const [first] = jobs as [ClaimedJob]
  // it left with a deployment while they waited for their lane
  if (!deps.contracts.has(first.worker)) return jobs.map(() => ({ kind: 'notAttempted' }))
  const url = deps.liveDeployment.addressOf(first)
  if (url === undefined) return jobs.map(({ worker }) => unaddressed(worker))
  const told = jobs.map((job) => deadlineToTell(deps, job, now))
  const stopWatching = watchDeadline(deps, jobs, told, callAbort)
  try {
    return answers(await deps.invoke(signedCall(deps, url, { jobs, told, callAbort })), jobs.length)
  } catch (error) {
    // an invoker of the user's own may throw; ours answers
    deps.log('error', 'an invoker threw', { worker: first.worker, error })
    const message = 'The function could not be called.'
    return jobs.map(() => ({ kind: 'failed', code: 'UNREACHABLE', message, mayRun: true }))
  } finally {
    stopWatching()
  }
}

const unaddressed = (worker: string): Answer => ({
  kind: 'failed',
  code: 'NO_ADDRESS',
  message: `ERRAND_FUNCTIONS_URL has no address for ${worker}. Add ${worker}=https://… to it, or *=https://… for all others.`,
})

const timeoutMsOf = ({ contracts }: Deps, { worker }: ClaimedJob): number => contracts.loaded(worker)?.timeoutMs ?? 0

/** An attempt may lose so much of its time to the writes before its call. */
const shareLost = 0.05

const isLate = (deps: Deps, job: ClaimedJob, now: Date): boolean =>
  job.deadline.getTime() - now.getTime() < timeoutMsOf(deps, job) * (1 - shareLost)

/** All of its worker's timeout from now on, within what is stored. */
function deadlineToTell(deps: Deps, job: ClaimedJob, now: Date): Date {
  const own = new Date(now.getTime() + timeoutMsOf(deps, job))
  return own < job.deadline ? own : job.deadline
}

/**
 * Jobs whose deadlines ran while they could not be called get their time anew. A job past its deadline is not called:
 * another coordinator may have reaped it.
 */
async function callLate(deps: Deps, jobs: ClaimedJob[], now: Date, callAbort: CallAbort): Promise<Answer[]> {
  const isOurs = async (job: ClaimedJob) => {
    if (!isLate(deps, job, now)) return true
    try {
      return await renewDeadline(deps, job, now)
    } catch (error) {
      // it may have been moved, or not: its function was not called, so it can go back in either case
      deps.log('warn', 'a deadline could not be moved; its job is given back', { job: job._id, error })
      return false
    }
  }
  const isOursYet = await Promise.all(jobs.map(isOurs))
  const ours = jobs.filter((_, index) => isOursYet[index])
  const said = ours.length === 0 ? [] : await callNow(deps, ours, now, callAbort)
  const answerOf = new Map(ours.map((job, index) => [job, said[index]!]))
  return jobs.map((job) => answerOf.get(job) ?? { kind: 'late' })
}

async function renewDeadline(deps: Deps, job: ClaimedJob, now: Date): Promise<boolean> {
  if (job.deadline <= now) return false
  const deadline = new Date(now.getTime() + timeoutMsOf(deps, job))
  await extendSlot(deps, job, deadline)
  if (!(await deps.store.jobs.moveDeadline(job._id, job.claim, now, deadline))) return false
  job.deadline = deadline
  return true
}

/** Said by what stands between: it did not wait for the function, which may go on. */
const fromGateway = /^HTTP_50[24]$/

/** Whether the function works on the job no more, as far as it can be known: it has answered, or was not called. */
export function isOver({ clock }: Deps, { deadline }: ClaimedJob, answer: Answer | undefined): boolean {
  switch (answer?.kind) {
    case 'receipt':
      return !isTimedOut(answer.receipt, deadline, clock.now())
    case 'failed':
      return !answer.mayRun && !fromGateway.test(answer.code)
    case 'late':
    case 'notAttempted':
      return true
    case 'accepted':
    case 'aborted':
    case 'receipts':
    case undefined:
      return false
  }
}

/** The answer to a call, for each of its jobs. */
function answers(answer: Answer, count: number): Answer[] {
  if (answer.kind !== 'receipts') return count === 1 ? [answer] : Array.from({ length: count }, () => answer)
  if (answer.receipts.length === count) {
    const { receipts, size = 0 } = answer
    return receipts.map((receipt) => ({ kind: 'receipt', receipt, size: size / count }))
  }
  const message = `The function answered with ${answer.receipts.length} receipts for ${count} jobs.`
  return Array.from({ length: count }, () => ({ kind: 'failed', code: 'BAD_RECEIPT', message }))
}

/**
 * A heartbeat may have moved a deadline, perhaps on another coordinator; so at the last deadline the database is asked,
 * and while it is away nothing is concluded. The function ends its work by the deadline that it was told.
 */
function watchDeadline(deps: Deps, jobs: ClaimedJob[], told: Date[], callAbort: CallAbort): () => void {
  const breakOff = () => callAbort.abort('deadline')
  const leftMs = (deadline: Date) => deadline.getTime() - deps.clock.now().getTime()
  let cancel: () => void
  const look = async (signal: AbortSignal) => {
    const deadline = await untilAnswered(deps, () => movedDeadline(deps, jobs), { signal })
    if (signal.aborted) return
    if (deadline === undefined || leftMs(deadline) <= 0) breakOff()
    else watch(deadline)
  }
  const watch = (deadline: Date) => {
    cancel = deps.clock.alarm(leftMs(deadline), () => {
      const looking = new AbortController()
      cancel = () => looking.abort()
      look(looking.signal).catch(() => {
        if (!looking.signal.aborted) breakOff()
      })
    })
  }
  watch(told.length === 1 ? told[0]! : latest(told)!)
  return () => cancel()
}

const latest = (dates: Date[]): Date | undefined => dates.toSorted((a, b) => a.getTime() - b.getTime()).at(-1)

async function movedDeadline(deps: Deps, jobs: ClaimedJob[]): Promise<Date | undefined> {
  const current = await Promise.all(jobs.map(({ _id }) => deps.store.jobs.find(_id)))
  return latest(
    jobs.flatMap(({ claim, deadline }, index) => {
      const moved = current[index]?.claim === claim ? current[index]?.deadline : undefined
      return moved && moved > deadline ? moved : []
    }),
  )
}

export interface CallEnd {
  /** Why the call was broken off, if it was. */
  reason: AbortReason | undefined
  /** Whether the function works on the job no more; see `isOver`. */
  over: boolean
  /** Aborts when the database is waited for no longer. */
  givenUp?: AbortSignal
}

/**
 * Writes what an answer means for the job. While the database is away it is tried again, until the attempt's deadline,
 * or until `givenUp` aborts. Never rejects: what goes wrong here is found by the reaper at the deadline.
 */
export async function settle(
  deps: Deps,
  job: ClaimedJob,
  answer: Answer,
  { reason, over, givenUp }: CallEnd,
): Promise<void> {
  const at = deps.clock.now()
  const patience = { until: latestWrite(job, at), ...(givenUp ? { signal: givenUp } : {}) }
  try {
    try {
      await untilAnswered(deps, () => settleAnswer(deps, job, answer, reason, at), patience)
    } finally {
      // in this order, so that no reader sees more jobs running than the limit allows
      if (over) await freeSlot(deps, job)
      else keepSlot(deps, job)
    }
  } catch (error) {
    deps.log('error', 'an attempt could not be settled; the reaper will', { job: job._id, attempt: job.attempt, error })
  }
}

/**
 * A heartbeat has moved a deadline that is over: by a timeout at a time, and who can say by how much while the database
 * is away.
 */
const latestWrite = ({ startedAt, deadline }: ClaimedJob, at: Date): Date =>
  deadline > at ? deadline : new Date(at.getTime() + deadline.getTime() - startedAt.getTime())

async function settleAnswer(
  deps: Deps,
  job: ClaimedJob,
  answer: Answer,
  reason: AbortReason | undefined,
  at: Date,
): Promise<void> {
  switch (answer.kind) {
    case 'accepted':
      return
    case 'receipts':
      // they were shared out among the jobs of their call
      return
    case 'receipt':
      try {
        await record(deps, job, answer.receipt, 'function', at)
      } catch (error) {
        if (writeFailure(error) !== 'item') throw error
        deps.log('error', 'a receipt cannot be stored', { job: job._id, attempt: job.attempt, error })
        await recordOurs(deps, job, failure('BAD_RECEIPT', unstorable), at)
      }
      return
    case 'failed':
      return recordOurs(deps, job, failure(answer.code, answer.message, answer.retryAfterMs), at)
    case 'late':
    // its function was not called, so nothing is charged
    case 'notAttempted':
      return giveBack(deps, job)
    case 'aborted':
      if (reason === 'deadline') await recordOurs(deps, job, timeout, at)
      else if (reason === 'shutdown') await giveBack(deps, job)
  }
}

async function recordOurs(deps: Deps, job: ClaimedJob, body: ParsedReceiptBody, at: Date): Promise<void> {
  await record(deps, await withProgress(deps, job), body, 'coordinator', at)
}

const unstorable =
  'The function answered with a receipt that the database cannot hold: it is too large, or nested too deep. Store large results elsewhere and return their address.'

/** No receipt of its own tells what the attempt had to tell, so its progress goes into ours. */
async function withProgress(deps: Deps, job: ClaimedJob): Promise<ClaimedJob> {
  if (deps.clock.now().getTime() - job.startedAt.getTime() < firstProgressMs) return job
  const current = await deps.store.jobs.find(job._id)
  return current?.runProgress?.claim === job.claim ? { ...job, runProgress: current.runProgress } : job
}

interface Calling {
  jobs: ClaimedJob[]
  /** The deadline of each, as its function is told. */
  told: Date[]
  callAbort: CallAbort
}

/** Signed as one message, whose id is the first job's attempt and how many come after it. */
function signedCall(deps: Deps, url: string, { jobs, told, callAbort }: Calling): Call {
  const [first] = jobs as [ClaimedJob]
  const id = `${first._id}.${first.attempt}`
  const one = jobs.length === 1
  const bodies = jobs.map((job, index) => callBody(deps, job, told[index]!))
  const body = one ? bodies[0]! : `{"jobs":[${bodies.join(',')}]}`
  return {
    worker: first.worker,
    url,
    headers: {
      ...deps.signer.headers(first.worker, one ? id : `${id}+${jobs.length - 1}`, deps.clock.now(), body),
      ...preferenceFor(deps, told),
    },
    body,
    get signal() {
      return callAbort.signal
    },
    onAbort: (listener) => callAbort.onAbort(listener),
  }
}

/** The answer is on its way for less than that. */
const answerMs = 1_000

/** An attempt that outlasts this coordinator's time awake (server/running/activation) is to post its receipt. */
function preferenceFor({ activation, clock }: Deps, told: Date[]): Record<string, string> {
  const { until } = activation
  if (until === undefined || told.every((deadline) => deadline <= until)) return {}
  return { prefer: preferAsync(until.getTime() - clock.now().getTime() - answerMs) }
}

function latestOf({ contracts }: Deps, { worker, startedAt }: ClaimedJob): Pick<FunctionCall, 'latest'> {
  const contract = contracts.loaded(worker)
  if (contract?.receipt !== 'posted') return {}
  return { latest: new Date(startedAt.getTime() + contract.maxRuntimeMs).toISOString() }
}

function callBody(deps: Deps, job: ClaimedJob, deadline: Date): string {
  const token = deps.signer.receiptToken(job._id, job.claim)
  const call: Omit<FunctionCall, 'args' | 'argsMeta'> = {
    id: job._id,
    worker: job.worker,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    ...versionField(job.argsVersion),
    deadline: deadline.toISOString(),
    ...latestOf(deps, job),
    ...(slotRunOf(deps, job) ? { limited: true as const } : {}),
    receipt: `${deps.url}/job/${job._id}/receipt?token=${token}`,
  }
  // args lie in the database as JSON text and are forwarded without being parsed
  const meta = job.argsMeta === undefined ? '' : `,"argsMeta":${job.argsMeta}`
  return `${JSON.stringify(call).slice(0, -1)},"args":${job.args}${meta}}`
}
