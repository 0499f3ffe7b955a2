/**
 * Claim: queued jobs become running and ours. Candidates are read by the claim index, taken by one guarded write under
 * a fresh token, and read back by that token only where another coordinator was faster. Then retry budgets and
 * throttles are asked; a job that may not start yet goes back to `scheduled` until its turn, and no attempt is charged.
 *
 * Jobs are claimed first and throttled second, because only a job that is ours may take a token: two coordinators that
 * looked at the same candidates would otherwise take two.
 */
import type { Deps } from '../deps.js'
import type { ClaimedJob, JobDocument } from '../store/documents.js'
import { readBack, readBackLost } from './lostAnswer.js'
import { holdPaused } from '../flowControl/pause.js'
import { requeueAs, requeue } from './requeue.js'
import { deadlineOf, freeSlot, reserveSlots, type Begin } from '../flowControl/slots.js'
import type { ClaimPart } from '../store/jobs/claim.js'
import { passThrottles } from '../flowControl/throttle.js'
import { deferred } from './transition.js'

export interface ClaimResult {
  jobs: ClaimedJob[]
  /** Whether more candidates may be waiting. */
  more: boolean
}

/** At most so many at a time: larger ones are no faster and hold their last job back longer. */
export const maxClaim = 500

/**
 * How long a job that is claimed ahead may wait for its lane. The deadline that a function is told begins with its
 * call; the one that is stored, which the reaper goes by, is later by this much, so that neither has to be moved by a
 * write.
 */
export const waitForLaneMs = 1_000

/** `freeLanes` start at once: where more jobs than those are claimed, some wait for a lane. */
export async function claim(deps: Deps, limit: number, freeLanes = Number.POSITIVE_INFINITY): Promise<ClaimResult> {
  const pageSize = Math.min(limit, maxClaim)
  const candidates = await deps.store.jobs.claimable(pageSize)
  // where nothing waits and nothing was paused, there is no need to look what is
  if (candidates.length === 0 && !deps.pauses.any) return { jobs: [], more: false }
  const pauses = await deps.pauses.current()
  if (pauses.all) return { jobs: [], more: false }
  const more = candidates.length === pageSize
  // pinned to a deployment that went live elsewhere a moment ago
  if (candidates.some(({ pinned, deployment }) => pinned && !deps.liveDeployment.knows(deployment!))) {
    await deps.liveDeployment.lookAgain()
  }
  const deployed = await holdUnknown(deps, await holdPaused(deps, pauses, candidates, more))
  if (deployed.length === 0) return { jobs: [], more }

  const claimed = await takeAll(deps, deployed, deployed.length > freeLanes ? waitForLaneMs : 0)
  try {
    return { jobs: await passed(deps, claimed), more }
  } catch (error) {
    // no coordinator would call them before their deadline
    await requeue(deps, claimed)
    throw error
  }
}

/** Those that may start now; the throttle's others come back later. */
async function passed(deps: Deps, claimed: ClaimedJob[]): Promise<ClaimedJob[]> {
  const { start, later } = await passThrottles(deps, claimed)
  await Promise.all(later.map(({ job, runAt, by }) => requeueAs(deps, job, deferred(job, runAt, by))))
  const next = Math.min(...later.map(({ runAt }) => runAt.getTime()))
  if (later.length > 0) deps.events.emit('scheduled', new Date(next))
  await releaseKeysAtStart(deps, start)
  return start
}

/**
 * Keys that are held until the start fall free now: the throttle has let these jobs through. Only those of the attempts
 * that begin: a job that is ours no more may have been retried by hand, and holds its key anew. Where a crash comes
 * before this, the end of the attempt sets the key free.
 */
async function releaseKeysAtStart(deps: Deps, jobs: ClaimedJob[]): Promise<void> {
  const owners = jobs.filter(({ uniqueKey, uniqueUntilStart }) => uniqueKey && uniqueUntilStart)
  if (owners.length === 0) return
  const claims = [...new Set(owners.map(({ claim }) => claim))]
  await deps.store.jobs.releaseKeys(
    owners.map(({ _id }) => _id),
    { state: 'running', claim: { $in: claims } },
  )
}

/** Jobs whose worker is not deployed leave the claim index, so that they never stand in front of others. */
async function holdUnknown(deps: Deps, candidates: JobDocument[]): Promise<JobDocument[]> {
  const unknown = candidates.filter(({ worker }) => !deps.contracts.has(worker))
  if (unknown.length === 0) return candidates
  await deps.store.jobs.hold(unknown, 'worker')
  const workers = [...new Set(unknown.map(({ worker }) => worker))]
  deps.log('warn', 'jobs wait for a worker that is not deployed', { workers, jobs: unknown.length })
  return candidates.filter(({ worker }) => deps.contracts.has(worker))
}

/** Jobs of workers with a limit reserve a place first. */
async function takeAll(deps: Deps, candidates: JobDocument[], waitMs: number): Promise<ClaimedJob[]> {
  await Promise.all([...new Set(candidates.map(({ worker }) => worker))].map((worker) => deps.contracts.get(worker)))
  const isLimited = ({ worker }: JobDocument) => deps.contracts.loaded(worker)!.concurrency !== undefined
  const begin: Begin = {
    claim: deps.newClaim(),
    startedAt: deps.clock.now(),
    allowedMs: ({ worker }) => deps.contracts.loaded(worker)!.timeoutMs + waitMs,
  }
  const limited = candidates.filter(isLimited)
  if (limited.length === 0) return take(deps, candidates, begin)
  const takes = await Promise.allSettled([
    takeLimited(deps, limited, begin),
    take(
      deps,
      candidates.filter((job) => !isLimited(job)),
      begin,
    ),
  ])
  const claimed = takes.flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
  const failed = takes.find((each) => each.status === 'rejected')
  if (!failed) return inOrder(candidates, claimed)
  await requeue(deps, claimed)
  throw failed.reason
}

async function takeLimited(deps: Deps, candidates: JobDocument[], begin: Begin): Promise<ClaimedJob[]> {
  try {
    return await takeWithPlaces(deps, candidates, begin)
  } catch (error) {
    // some may have their place, which would stay unused until its time is over
    await Promise.all(candidates.map((job) => freeSlot(deps, { ...job, claim: begin.claim })))
    throw error
  }
}

async function takeWithPlaces(deps: Deps, candidates: JobDocument[], begin: Begin): Promise<ClaimedJob[]> {
  const reserved = await reserveSlots(deps, candidates, begin)
  const claimed = await take(deps, reserved, begin)
  if (claimed.length === reserved.length) return claimed
  const won = new Set(claimed.map(({ _id }) => _id))
  const lost = reserved.filter(({ _id }) => !won.has(_id))
  await Promise.all(lost.map((job) => freeSlot(deps, { ...job, claim: begin.claim })))
  return claimed
}

/**
 * The guarded write takes those that are as they were read. Its parts are those of one timeout, because the deadline is
 * part of it.
 */
async function take(deps: Deps, candidates: readonly JobDocument[], begin: Begin): Promise<ClaimedJob[]> {
  if (candidates.length === 0) return []
  const { claim, startedAt, allowedMs } = begin
  const parts = new Map<number, ClaimPart>()
  const partOf = (job: JobDocument) => {
    const ms = allowedMs(job)
    const part = parts.get(ms) ?? { jobs: [], deadline: deadlineOf(begin, job) }
    parts.set(ms, part)
    return part
  }
  const ours = candidates.map((job): ClaimedJob => {
    const { jobs, deadline } = partOf(job)
    jobs.push(job)
    return { ...job, state: 'running', claim, startedAt, deadline, attempt: job.attempt + 1 }
  })
  const ids = candidates.map(({ _id }) => _id)
  try {
    const count = await deps.store.jobs.claim([...parts.values()], claim, startedAt)
    if (count === candidates.length) return ours
    if (count === 0) return []
  } catch (error) {
    // the write may have happened although its answer was lost; the token tells
    deps.log('warn', 'a claim was not answered; looking what it got', { error })
    return inOrder(candidates, await readBackLost(deps, ids, claim, error))
  }
  return inOrder(candidates, await readBack(deps, ids, claim))
}

function inOrder(order: readonly JobDocument[], jobs: ClaimedJob[]): ClaimedJob[] {
  const byId = new Map(jobs.map((job) => [job._id, job]))
  return order.flatMap(({ _id }) => byId.get(_id) ?? [])
}
