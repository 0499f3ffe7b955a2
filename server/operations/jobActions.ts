/** The actions of an operator on one job: get, list, cancel, retry. */
import type { JobPage, JobView } from '../../core/views/answers.gen.js'
import { ErrandError } from '../../core/errors.js'
import { matchesWorker } from '../../core/roles.js'
import { isFinal, type JobState } from '../../core/states.js'
import type { z } from 'zod'
import type { listJobsRequest } from '../../core/requests/wire.js'
import type { Follower } from '../access/auth.js'
import type { Deps } from '../deps.js'
import { disclosureOf, disclosuresOf, type Viewer } from '../access/disclosure.js'
import type { JobDocument } from '../store/documents.js'
import type { Guard } from '../store/revision.js'
import { repeat, repeated, repeatGuarded } from '../repeatedWrite.js'
import { finishedEvent } from '../events.js'
import { uniqueKeyOf } from '../flowControl/unique.js'
import { rememberedMs } from '../jobs/givenId.js'
import { unknownJob } from '../jobs/receive.js'
import { memberOf } from '../jobs/transition.js'
import { jobRow, jobView } from './view.js'

/**
 * As it is shown to the viewer. Throws `UNKNOWN_JOB`, also for a job of a worker that the viewer's key does not take.
 */
export async function getJob(deps: Deps, id: string, viewer: Follower): Promise<JobView> {
  const job = await deps.store.jobs.find(id)
  if (!job || !matchesWorker(viewer.workers, job.worker)) throw unknownJob(id)
  const { contracts } = deps
  const [receipts, pauses, disclosure] = await Promise.all([
    deps.store.receipts.ofJob(id),
    deps.pauses.current(),
    disclosureOf(contracts, job.worker, viewer),
  ])
  return jobView(job, receipts, { contracts, pauses, disclosure })
}

/** A page ends early where its args are large. */
export async function listJobs(
  deps: Deps,
  { worker, state, parent, limit, cursor }: z.output<typeof listJobsRequest>,
  viewer: Viewer,
): Promise<JobPage> {
  const [{ items, more }, pauses] = await Promise.all([
    deps.store.jobs.list({ worker, state, parent, before: cursor, limit, withoutArgs: !viewer.seesArgs }),
    deps.pauses.current(),
  ])
  const workers = items.map(({ worker }) => worker)
  const disclosures = await disclosuresOf(deps.contracts, workers, viewer)
  return {
    jobs: items.map((job) => jobRow(job, { contracts: deps.contracts, pauses, disclosure: disclosures(job.worker) })),
    cursor: more ? items.at(-1)!._id : null,
  }
}

/**
 * A job that has not begun never will; of one that runs the function is told to stop, and its receipt changes nothing
 * any more. A job that has failed can be cancelled only while its group waits for it. Throws `UNKNOWN_JOB`, and
 * `WRONG_STATE` for a job that has succeeded or failed. A job that is cancelled already stays so.
 */
export async function cancelJob(deps: Deps, id: string): Promise<{ id: string; state: JobState }> {
  const job = await deps.store.jobs.find(id)
  if (!job) throw unknownJob(id)
  return cancel(deps, job)
}

/**
 * The same for a job that was read before, and only while `stillIs` holds: what it was found by. Throws `WRONG_STATE`
 * for one that has changed.
 */
export async function cancel(
  deps: Deps,
  { _id: id, worker, givenId }: Pick<JobDocument, '_id' | 'worker'> & Partial<Pick<JobDocument, 'givenId'>>,
  stillIs?: Guard,
): Promise<{ id: string; state: JobState }> {
  const contract = deps.contracts.has(worker) ? await deps.contracts.get(worker) : undefined
  const now = deps.clock.now()
  const keepMs = Math.max(contract?.keepMs.cancelled ?? 7 * 86_400_000, givenId ? rememberedMs : 0)
  const expireAt = new Date(now.getTime() + keepMs)
  const { outcome: before, lost } = await repeated(deps, () => deps.store.jobs.cancel(id, now, expireAt, stillIs))
  if (before) {
    await follow(deps, before, before.claim)
    return { id, state: 'cancelled' }
  }
  const after = await repeat(deps, () => deps.store.jobs.find(id))
  if (!after) throw unknownJob(id)
  if (after.state === 'cancelled') {
    // it may have been this cancel, whose answer was lost; what follows from it does no harm twice
    if (lost !== undefined) await follow(deps, after, after.cancelledAttempts?.at(-1)?.claim)
    return { id, state: 'cancelled' }
  }
  const why = isFinal(after.state)
    ? `has ${after.state} and cannot be cancelled`
    : `has changed since it was found, and is ${after.state}`
  throw new ErrandError('WRONG_STATE', `Job ${id} ${why}.`, { details: { id, state: after.state } })
}

/** Does what follows from a cancel. `claim` is that of the run it ended, if it ended one. */
async function follow(deps: Deps, job: JobDocument, claim: string | undefined): Promise<void> {
  if (claim !== undefined) deps.events.emit('cancelled', { id: job._id, claim })
  deps.events.emit('finished', finishedEvent(job))
  if (job.group !== undefined) await deps.groups.memberFinal(memberOf(job, job.group), 'cancelled')
}

/**
 * Gives a final job as many attempts more as its worker's policy says, from now. Its receipts stay. Throws
 * `UNKNOWN_JOB`, also for a job past its keep time, `WRONG_STATE` for one that is not final, `KEY_TAKEN` where another
 * job holds its key now. With `now`, a job that waits for its next attempt or its time is due at once; a throttle, a
 * limit or a pause may keep it all the same.
 */
export async function retryJob(
  deps: Deps,
  id: string,
  { now = false }: { now?: boolean | undefined } = {},
): Promise<{ id: string; state: JobState }> {
  for (;;) {
    const job = await deps.store.jobs.find(id)
    if (!job) throw unknownJob(id)
    if (now && (job.state === 'scheduled' || job.state === 'queued')) {
      if (await startNow(deps, job)) return { id, state: 'queued' }
      continue
    }
    // this job is meant, also where it changed between look and write
    if (await retryAsSeen(deps, job)) return { id, state: 'queued' }
  }
}

/** The same for a job that was found by what it was. Throws `WRONG_STATE` where it has changed since. */
export async function retry(deps: Deps, job: JobDocument): Promise<{ id: string; state: JobState }> {
  const { _id: id } = job
  if (await retryAsSeen(deps, job)) return { id, state: 'queued' }
  throw new ErrandError('WRONG_STATE', `Job ${id} has changed since it was found, and is not retried.`, {
    details: { id },
  })
}

/** Whether the next write after the job as it was seen is ours: the one that made it due `now`. */
async function wasMadeDue(deps: Deps, job: JobDocument, now: Date): Promise<boolean> {
  const after = await deps.store.jobs.find(job._id)
  return after?.revision === (job.revision ?? 0) + 1 && after.runAt.getTime() === now.getTime()
}

/** Answers false where the job has changed since it was seen. */
async function startNow(deps: Deps, job: JobDocument): Promise<boolean> {
  const { _id: id, state, throttled, overBudget } = job
  if (state === 'queued') return true
  // asked earlier, it would be sent to the end of the line
  if (throttled || overBudget) {
    const by = throttled ? 'throttle' : 'retry budget'
    throw new ErrandError(
      'WRONG_STATE',
      `Job ${id} waits for its turn by its ${by}; a retry cannot bring it forward.`,
      {
        details: { id, state },
      },
    )
  }
  const now = deps.clock.now()
  const due = await repeatGuarded(
    deps,
    () => deps.store.jobs.startNow(job, now),
    () => wasMadeDue(deps, job, now),
  )
  if (due) deps.events.emit('queued', undefined)
  return due
}

/**
 * The purge of another coordinator, whose clock may be ahead of ours, takes the receipts of a job first: what it has
 * begun it must finish.
 */
const clocksApartMs = 1_000

export const wasErased = (id: string): ErrandError =>
  new ErrandError('WRONG_STATE', `The args of job ${id} were erased, so it cannot run again.`, { details: { id } })

/** Answers false where the job has changed since it was seen. */
async function retryAsSeen(deps: Deps, job: JobDocument): Promise<boolean> {
  const { _id: id, state } = job
  const contract = deps.contracts.has(job.worker) ? await deps.contracts.get(job.worker) : undefined
  const key = job.key === undefined ? undefined : uniqueKeyOf(job.worker, job.key)
  const now = deps.clock.now()
  const keptUntil = new Date(now.getTime() + clocksApartMs)
  if (!isFinal(state)) {
    throw new ErrandError('WRONG_STATE', `Job ${id} is ${state}; only a job that is final can be retried.`, {
      details: { id, state },
    })
  }
  if (job.expireAt && job.expireAt <= keptUntil) throw unknownJob(id)
  if (job.erased) throw wasErased(id)
  let isKeyTaken = false
  const retry = async () => {
    const retried = await deps.store.jobs.retry(job, contract?.maxAttempts ?? 5, { now, keptUntil }, key)
    isKeyTaken = retried === 'keyTaken'
    return retried === true
  }
  const retried = await repeatGuarded(deps, retry, () => wasMadeDue(deps, job, now))
  if (isKeyTaken) {
    throw new ErrandError('KEY_TAKEN', `The key of job ${id} is taken by another job now.`, {
      details: { id: (await deps.store.jobs.ownerOf(key!))?._id },
    })
  }
  if (retried) deps.events.emit('queued', undefined)
  return retried
}
