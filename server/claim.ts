/**
 * Claim: queued jobs become running and ours. Candidates are read by the claim index, taken by one guarded write under a fresh token, and
 * read back by that token only where somebody else was faster. Then retry budgets and throttles are asked; a job that may not start yet goes back to
 * `scheduled` until its turn, and no attempt is charged.
 *
 * Jobs are claimed first and throttled second, because only a job that is ours may take a token: two coordinators that looked at the same
 * candidates would otherwise take two.
 */
import type { Deps } from './deps.js'
import type { ClaimedJob, JobDocument } from './store/documents.js'
import { holdPaused } from './pause.js'
import { claimWithSlots } from './slots.js'
import { passThrottles } from './throttle.js'
import { deferred, released } from './transition.js'

export interface ClaimResult {
  jobs: ClaimedJob[]
  /** Whether more candidates may be waiting. */
  more: boolean
}

/** At most so many in one batch: larger ones are no faster and hold their last job back longer. */
export const maxClaim = 500

export async function claim(deps: Deps, limit: number): Promise<ClaimResult> {
  const batch = Math.min(limit, maxClaim)
  const candidates = await deps.store.jobs.claimable(batch)
  // where nothing waits and nothing was paused, there is no need to look what is
  if (candidates.length === 0 && !deps.pauses.any) return { jobs: [], more: false }
  const pauses = await deps.pauses.current()
  if (pauses.all) return { jobs: [], more: false }
  const more = candidates.length === batch
  // pinned to a deployment that went live elsewhere a moment ago
  if (candidates.some(({ pinned, deployment }) => pinned && !deps.deployed.knows(deployment!))) {
    await deps.deployed.lookAgain()
  }
  const deployed = await holdUnknown(deps, await holdPaused(deps, pauses, candidates, more))
  if (deployed.length === 0) return { jobs: [], more }

  const claimed = await takeAll(deps, deployed)
  const { start, later } = await passThrottles(deps, claimed)
  await Promise.all(later.map(({ job, runAt, by }) => deps.writes.applyTransition(deferred(job, runAt, by))))
  const next = Math.min(...later.map(({ runAt }) => runAt.getTime()))
  if (later.length > 0) deps.events.emit('scheduled', new Date(next))
  await releaseKeysAtStart(deps, start)
  return { jobs: start, more }
}

/** Keys that are held until the start fall free now: the throttle has let these jobs through. */
async function releaseKeysAtStart(deps: Deps, jobs: ClaimedJob[]): Promise<void> {
  const ids = jobs.filter(({ uniqueKey, uniqueUntilStart }) => uniqueKey && uniqueUntilStart).map(({ _id }) => _id)
  if (ids.length > 0) await deps.store.jobs.releaseKeys(ids)
}

/** Jobs whose worker is not deployed leave the claim index, so that they never stand in front of others. */
async function holdUnknown(deps: Deps, candidates: JobDocument[]): Promise<JobDocument[]> {
  const unknown = candidates.filter(({ worker }) => !deps.contracts.has(worker))
  if (unknown.length === 0) return candidates
  await deps.store.jobs.hold(
    unknown.map(({ _id }) => _id),
    'worker',
  )
  const workers = [...new Set(unknown.map(({ worker }) => worker))]
  deps.log('warn', 'jobs wait for a worker that is not deployed', { workers, jobs: unknown.length })
  return candidates.filter(({ worker }) => deps.contracts.has(worker))
}

/** Jobs of workers with a limit need a slot, which is part of their claim. */
async function takeAll(deps: Deps, candidates: JobDocument[]): Promise<ClaimedJob[]> {
  await Promise.all([...new Set(candidates.map(({ worker }) => worker))].map((worker) => deps.contracts.get(worker)))
  const isLimited = ({ worker }: JobDocument) => deps.contracts.loaded(worker)!.concurrency !== undefined
  const limited = candidates.filter(isLimited)
  if (limited.length === 0) return take(deps, candidates)
  const [withSlots, others] = await Promise.all([
    claimWithSlots(deps, limited),
    take(
      deps,
      candidates.filter((job) => !isLimited(job)),
    ),
  ])
  return inOrder(candidates, [...withSlots, ...others])
}

/** The guarded write: one for each timeout, because the deadline is part of it. */
async function take(deps: Deps, candidates: JobDocument[]): Promise<ClaimedJob[]> {
  const byTimeout = new Map<number, JobDocument[]>()
  for (const job of candidates) {
    const { timeoutMs } = deps.contracts.loaded(job.worker)!
    const group = byTimeout.get(timeoutMs)
    if (group) group.push(job)
    else byTimeout.set(timeoutMs, [job])
  }
  const groups = await Promise.all([...byTimeout].map(([timeoutMs, jobs]) => takeGroup(deps, jobs, timeoutMs)))
  return groups.length === 1 ? groups[0]! : inOrder(candidates, groups.flat())
}

async function takeGroup(deps: Deps, jobs: JobDocument[], timeoutMs: number): Promise<ClaimedJob[]> {
  const claim = deps.newClaim()
  const startedAt = deps.clock.now()
  const deadline = new Date(startedAt.getTime() + timeoutMs)
  const ids = jobs.map(({ _id }) => _id)
  try {
    const count = await deps.store.jobs.claim(ids, claim, startedAt, deadline)
    if (count === jobs.length) {
      return jobs.map((job) => ({ ...job, state: 'running', claim, startedAt, deadline, attempt: job.attempt + 1 }))
    }
    if (count === 0) return []
  } catch (error) {
    // the write may have happened although its answer was lost; the token tells
    deps.log('warn', 'a claim was not answered; looking what it got', { error })
  }
  return inOrder(jobs, await deps.store.jobs.claimedBy(ids, claim))
}

function inOrder(order: JobDocument[], jobs: ClaimedJob[]): ClaimedJob[] {
  const byId = new Map(jobs.map((job) => [job._id, job]))
  return order.flatMap(({ _id }) => byId.get(_id) ?? [])
}

/** Gives claimed jobs back that will not be started after all: a shutdown came in between. */
export const release = (deps: Deps, jobs: ClaimedJob[]): Promise<unknown> =>
  Promise.all(jobs.map((job) => deps.writes.applyTransition(released(job))))
