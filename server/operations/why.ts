/**
 * Tells what keeps a job from running at this moment, by the same fields that keep it. A few bounded queries each time
 * a caller asks; nothing is kept for it.
 */
import type { ErrorName, WhyView } from '../../core/views/answers.gen.js'
import { mostCounted } from '../../core/limits.js'
import type { Contract } from '../../core/job/contract.js'
import { nearestName } from '../../core/nearest.js'
import { isFinal } from '../../core/states.js'
import { reasonMessage, withoutKey, type Reason } from '../../core/views/why.js'
import type { Deps, Pauses } from '../deps.js'
import { disclosureOf, type Viewer } from '../access/disclosure.js'
import { slotKeyOf } from '../flowControl/slots.js'
import { isBreaker, pauseView } from '../flowControl/knownPauses.js'
import { unknownJob } from '../jobs/receive.js'
import type { BreakerDocument, JobDocument } from '../store/documents.js'
import type { ReceiptOutcome } from '../store/receipts.js'

/** Throws `UNKNOWN_JOB`. */
export async function whyJob(deps: Deps, id: string, viewer: Viewer): Promise<WhyView> {
  const job = await deps.store.jobs.find(id)
  if (!job) throw unknownJob(id)
  const { seesKeys } = await disclosureOf(deps.contracts, job.worker, viewer)
  const reasons = (await reasonsOf(deps, job)).map((reason) => (seesKeys ? reason : withoutKey(reason)))
  return {
    id,
    worker: job.worker,
    state: job.state,
    running: job.state === 'running',
    reasons: reasons.map((reason) => ({ ...reason, message: reasonMessage(reason) })),
  }
}

async function reasonsOf(deps: Deps, job: JobDocument): Promise<Reason[]> {
  if (isFinal(job.state)) return [await finalReason(deps, job)]
  if (job.state === 'running') return [runningReason(deps, job)]
  const contract = deps.contracts.has(job.worker) ? await deps.contracts.get(job.worker) : undefined
  const [pauses, failing] = await Promise.all([deps.pauses.fresh(), failingReason(deps, job)])
  // what an operator has to lift comes first, then what time or others' ends lift
  return [
    ...pausedReason(pauses, job),
    ...deployedReason(deps, job),
    ...(await stateReason(deps, job, contract, pauses)),
    ...failing,
  ]
}

async function finalReason(deps: Deps, job: JobDocument): Promise<Reason> {
  const { attempt, maxAttempts } = job
  const state = job.state as 'succeeded' | 'failed' | 'cancelled'
  const last = state === 'failed' ? (await deps.store.receipts.ofJob(job._id)).at(-1) : undefined
  const error = last?.status === 'failure' ? { error: errorName(last) } : {}
  return { kind: 'final', state, finishedAt: job.finishedAt!.toISOString(), attempt, maxAttempts, ...error }
}

function runningReason(deps: Deps, { _id: id, claim, attempt, maxAttempts, startedAt, deadline }: JobDocument): Reason {
  const since = startedAt!.toISOString()
  if (deps.waitsForLane({ id, claim: claim! })) return { kind: 'claimed', since, lanes: lanesOf(deps) }
  return { kind: 'running', attempt, maxAttempts, startedAt: since, deadline: deadline!.toISOString() }
}

function pausedReason(pauses: Pauses, job: JobDocument): Reason[] {
  const pause = pauses.covering(job)
  if (!pause) return []
  return [isBreaker(pause) ? brokenReason(pause) : { kind: 'paused', ...pauseView(pause) }]
}

const brokenReason = ({ worker, at, broken: { until, code, times } }: BreakerDocument): Reason => ({
  kind: 'broken',
  worker,
  since: at.toISOString(),
  until: until.toISOString(),
  code,
  times: times - 1,
})

function deployedReason({ contracts, liveDeployment: { live } }: Deps, { worker }: JobDocument): Reason[] {
  if (contracts.has(worker)) return []
  const nearest = nearestName(worker, contracts.names)
  return [
    {
      kind: 'not-deployed',
      worker,
      ...(nearest === undefined ? {} : { nearest }),
      ...(live === undefined ? {} : { deployment: live }),
    },
  ]
}

/** The reason in its state, where that is not said already. */
async function stateReason(
  deps: Deps,
  job: JobDocument,
  contract: Contract | undefined,
  pauses: Pauses,
): Promise<Reason[]> {
  if (job.state === 'blocked') return [await blockedReason(deps, job, contract)]
  if (job.state === 'scheduled') return [await scheduledReason(deps, job, contract)]
  if (job.held === 'atomic') return [{ kind: 'atomic' }]
  if (pauses.covering(job) || !contract) return []
  // a sweep has to find that its worker is back, or its pause gone
  if (job.held) return [{ kind: 'waiting-for-coordinator', step: 'release' }]
  return [{ kind: 'busy', before: await deps.store.lines.beforeQueued(job, mostCounted), lanes: lanesOf(deps) }]
}

function lanesOf({ lanes }: Deps): { taken: number; limit: number } {
  const { running, limit } = lanes()
  return { taken: Math.min(running, limit), limit }
}

async function scheduledReason(deps: Deps, job: JobDocument, contract: Contract | undefined): Promise<Reason> {
  const { worker, throttleKey, attempt, maxAttempts, snoozes = 0 } = job
  const until = job.runAt.toISOString()
  if (job.runAt <= deps.clock.now()) return { kind: 'waiting-for-coordinator', step: 'stage', since: until }
  if (job.throttled) {
    const { intervalMs, burst } = contract?.throttle ?? {}
    return {
      kind: 'throttled',
      worker,
      ...(throttleKey === undefined ? {} : { key: throttleKey }),
      until,
      before: await deps.store.lines.beforeThrottled(job, mostCounted),
      ...(intervalMs === undefined || burst === undefined ? {} : { rule: { intervalMs, burst } }),
    }
  }
  if (job.overBudget) {
    const before = await deps.store.lines.beforeOverBudget(job, mostCounted)
    return {
      kind: 'over-budget',
      worker,
      until,
      before,
      ...(contract?.retryBudget ? { rule: contract.retryBudget } : {}),
    }
  }
  // a snooze is no attempt: what it told belongs to the one that goes on
  if (snoozes > 0 && job.runProgress?.attempt === attempt + 1) return { kind: 'snoozed', until, snoozes }
  if (attempt === 0) return { kind: 'not-due', until }
  const last = (await deps.store.receipts.ofJob(job._id)).at(-1)
  return last?.status === 'failure' && last.attempt === attempt
    ? { kind: 'retry', until, attempt, maxAttempts, error: errorName(last) }
    : { kind: 'not-due', until }
}

const mostUsers = 100

async function blockedReason(deps: Deps, job: JobDocument, contract: Contract | undefined): Promise<Reason> {
  const { worker } = job
  const slotKey = job.slotKey ?? slotKeyOf(worker, undefined)
  const key = slotKey.slice(worker.length + 1)
  const [before, inUse] = await Promise.all([
    deps.store.lines.beforeBlocked(job, slotKey, mostCounted),
    deps.store.slots.inUse([slotKey], deps.clock.now()),
  ])
  const users = inUse.get(slotKey)!.toSorted((a, b) => a.since.getTime() - b.since.getTime())
  return {
    kind: 'blocked',
    worker,
    ...(key === '' ? {} : { key }),
    ...(contract?.concurrency === undefined ? {} : { limit: contract.concurrency.limit }),
    holding: users.length,
    users: users
      .slice(0, mostUsers)
      .map(({ job: id, since, until }) => ({ id, since: since.toISOString(), until: until.toISOString() })),
    before,
  }
}

const jobsLookedAt = 50
const receiptsLookedAt = 5
/** Fewer failures in a row say nothing of the function. */
const fewestFailures = 3

/** By the receipts of the worker's jobs up to this one. */
async function failingReason(deps: Deps, job: JobDocument): Promise<Reason[]> {
  const tried = await deps.store.lines.triedBefore(job, jobsLookedAt)
  if (tried.length === 0) return []
  const receipts = await deps.store.receipts.outcomesOfJobs(tried)
  const latest = receipts.toSorted((a, b) => b.finishedAt.getTime() - a.finishedAt.getTime()).slice(0, receiptsLookedAt)
  if (latest.length < fewestFailures || latest.some(({ status }) => status === 'success')) return []
  const [last] = latest
  return [
    {
      kind: 'failing',
      worker: job.worker,
      receipts: latest.length,
      error: errorName(last!),
      at: last!.finishedAt.toISOString(),
    },
  ]
}

const errorName = ({ error }: ReceiptOutcome): ErrorName => ({
  name: error?.name ?? 'Error',
  ...(error?.code === undefined ? {} : { code: error.code }),
})
