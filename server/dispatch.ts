/** Dispatch: one attempt of a claimed job, from the signed call to its receipt. */
import { versionField } from '../core/migrate.js'
import { firstReportMs } from '../core/attemptLog.js'
import { preferAsync } from '../core/prefer.js'
import type { FunctionCall, ParsedReceiptBody } from '../core/wire.js'
import type { BreakOff, Breaking } from './breaking.js'
import type { Deps } from './deps.js'
import type { Answer, Call } from './invoke.js'
import { failure, giveBack, record, timeout } from './receive.js'
import type { ClaimedJob } from './store/documents.js'
import { writeFailure } from './store/writeFailure.js'
import { untilAnswered } from './untilAnswered.js'

/**
 * Calls the function for these jobs of one worker, and answers with what it said for each, or that the call was aborted. Never rejects.
 * `breaking` is the call's own: it is broken off here at the deadline, and by others for other reasons.
 */
export async function call(deps: Deps, jobs: ClaimedJob[], breaking: Breaking): Promise<Answer[]> {
  const now = deps.clock.now()
  if (jobs.some(({ deadline }) => deadline <= now)) return callInTime(deps, jobs, now, breaking)
  const [first] = jobs as [ClaimedJob]
  // it left with a deployment while they waited for their lane
  if (!deps.contracts.has(first.worker)) return jobs.map(() => ({ kind: 'unheard' }))
  const url = deps.deployed.addressOf(first)
  if (url === undefined) return jobs.map(({ worker }) => unaddressed(worker))
  const stopWatching = watchDeadline(deps, jobs, breaking)
  try {
    return answers(await deps.invoke(signedCall(deps, url, jobs, breaking)), jobs.length)
  } catch (error) {
    // an invoker of the user's own may throw; ours answers
    deps.log('error', 'an invoker threw', { worker: first.worker, error })
    return jobs.map(() => ({ kind: 'failed', code: 'UNREACHABLE', message: 'The function could not be called.' }))
  } finally {
    stopWatching()
  }
}

const unaddressed = (worker: string): Answer => ({
  kind: 'failed',
  code: 'NO_ADDRESS',
  message: `ERRAND_FUNCTIONS_URL has no address for ${worker}. Add ${worker}=https://… to it, or *=https://… for all others.`,
})

/** Jobs that waited too long for their lane are not called: somebody else may have reaped them and given their slots away. */
async function callInTime(deps: Deps, jobs: ClaimedJob[], now: Date, breaking: Breaking): Promise<Answer[]> {
  const inTime = jobs.filter(({ deadline }) => deadline > now)
  const said = inTime.length === 0 ? [] : await call(deps, inTime, breaking)
  const answerOf = new Map(inTime.map((job, index) => [job, said[index]!]))
  return jobs.map((job) => answerOf.get(job) ?? { kind: 'late' })
}

/** What the answer to a call means for each of its jobs. */
function answers(answer: Answer, count: number): Answer[] {
  if (answer.kind !== 'receipts') return count === 1 ? [answer] : Array.from({ length: count }, () => answer)
  if (answer.receipts.length === count) return answer.receipts.map((receipt) => ({ kind: 'receipt', receipt }))
  const message = `The function answered with ${answer.receipts.length} receipts for ${count} jobs.`
  return Array.from({ length: count }, () => ({ kind: 'failed', code: 'BAD_RECEIPT', message }))
}

/** A heartbeat may have moved a deadline, perhaps on another coordinator; so at the last deadline the database is asked. */
function watchDeadline(deps: Deps, jobs: ClaimedJob[], breaking: Breaking): () => void {
  const breakOff = () => breaking.breakOff('deadline')
  const leftMs = (deadline: Date) => deadline.getTime() - deps.clock.now().getTime()
  let cancel: () => void
  let watching = true
  const look = async () => {
    const deadline = await movedDeadline(deps, jobs)
    if (!watching) return
    if (deadline === undefined || leftMs(deadline) <= 0) breakOff()
    else watch(deadline)
  }
  const watch = (deadline: Date) => {
    cancel = deps.clock.alarm(leftMs(deadline), () => void look().catch(breakOff))
  }
  watch(jobs.length === 1 ? jobs[0]!.deadline : latest(jobs.map(({ deadline }) => deadline))!)
  return () => {
    watching = false
    cancel()
  }
}

const latest = (dates: Date[]): Date | undefined => dates.toSorted((a, b) => a.getTime() - b.getTime()).at(-1)

async function movedDeadline(deps: Deps, jobs: ClaimedJob[]): Promise<Date | undefined> {
  const current = await Promise.all(jobs.map(({ _id }) => deps.store.jobs.find(_id)))
  return latest(current.flatMap((job, index) => (job?.claim === jobs[index]!.claim ? (job.deadline ?? []) : [])))
}

/**
 * Writes what an answer means for the job; `reason` says why the call was broken off, if it was. While the database is away it is tried again, until the
 * attempt's deadline, or until `givenUp` aborts. Never rejects: what goes wrong here is found by the reaper at the deadline.
 */
export async function settle(
  deps: Deps,
  job: ClaimedJob,
  answer: Answer,
  reason: BreakOff | undefined,
  givenUp?: AbortSignal,
): Promise<void> {
  const at = deps.clock.now()
  const patience = { until: latestWrite(job, at), ...(givenUp ? { signal: givenUp } : {}) }
  try {
    await untilAnswered(deps, () => settleAnswer(deps, job, answer, reason, at), patience)
  } catch (error) {
    deps.log('error', 'an attempt could not be settled; the reaper will', { job: job._id, attempt: job.attempt, error })
  }
}

/** A heartbeat has moved a deadline that is over: by a timeout at a time, and who can say by how much while the database is away. */
const latestWrite = ({ startedAt, deadline }: ClaimedJob, at: Date): Date =>
  deadline > at ? deadline : new Date(at.getTime() + deadline.getTime() - startedAt.getTime())

async function settleAnswer(
  deps: Deps,
  job: ClaimedJob,
  answer: Answer,
  reason: BreakOff | undefined,
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
      return recordOurs(deps, job, timeout, at)
    case 'unheard':
      return giveBack(deps, job)
    case 'aborted':
      if (reason === 'deadline') await recordOurs(deps, job, timeout, at)
      else if (reason === 'shutdown') await giveBack(deps, job)
  }
}

async function recordOurs(deps: Deps, job: ClaimedJob, body: ParsedReceiptBody, at: Date): Promise<void> {
  await record(deps, await withReport(deps, job), body, 'coordinator', at)
}

const unstorable =
  'The function answered with a receipt that the database cannot hold: it is too large, or nested too deep. Store large results elsewhere and return their address.'

/** No receipt of its own tells what the attempt had to tell, so what it has reported goes into ours. */
async function withReport(deps: Deps, job: ClaimedJob): Promise<ClaimedJob> {
  if (deps.clock.now().getTime() - job.startedAt.getTime() < firstReportMs) return job
  const current = await deps.store.jobs.find(job._id)
  return current?.report?.claim === job.claim ? { ...job, report: current.report } : job
}

/** Signed as one message, whose id is the first job's attempt and how many come after it. */
function signedCall(deps: Deps, url: string, jobs: ClaimedJob[], breaking: Breaking): Call {
  const [first] = jobs as [ClaimedJob]
  const id = `${first._id}.${first.attempt}`
  const one = jobs.length === 1
  const body = one ? callBody(deps, first) : `{"jobs":[${jobs.map((job) => callBody(deps, job)).join(',')}]}`
  return {
    worker: first.worker,
    url,
    headers: {
      ...deps.signer.headers(first.worker, one ? id : `${id}+${jobs.length - 1}`, deps.clock.now(), body),
      ...preferenceFor(deps, jobs),
    },
    body,
    get signal() {
      return breaking.signal
    },
    onAbort: (listener) => breaking.onBreak(listener),
  }
}

/** The answer is on its way for less than that. */
const answerMs = 1_000

/** An attempt that outlasts this coordinator's time awake (awake.ts) is to post its receipt. */
function preferenceFor({ awake, clock }: Deps, jobs: ClaimedJob[]): Record<string, string> {
  const { until } = awake
  if (until === undefined || jobs.every(({ deadline }) => deadline <= until)) return {}
  return { prefer: preferAsync(until.getTime() - clock.now().getTime() - answerMs) }
}

function callBody(deps: Deps, job: ClaimedJob): string {
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
  return `${JSON.stringify(call).slice(0, -1)},"args":${job.args}${meta}}`
}
