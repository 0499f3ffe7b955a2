/**
 * Concurrency: a job of a limited worker runs only while it holds a slot. A slot is a number below the limit, written into the job by its claim
 * under a unique index, and taken out by the same write that ends the attempt; so it is never held twice and cannot leak.
 *
 *   queued ──claim──▶ running, slot 2          no slot free: queued ──▶ blocked
 *                        └── ends: the slot is free, the best blocked job of the key becomes queued
 *
 * Two races are covered here: somebody else takes a slot between our look and our write (then the index refuses it, and we look again), and a
 * slot falls free between our look and the writing of `blocked` (then nobody would wake the job, so we look once more). A sweep is the safety
 * net for a coordinator that dies between freeing a slot and waking the next.
 */
import type { Deps } from './deps.js'
import { slotKeyOf } from './enqueue.js'
import type { ClaimedJob, JobDocument } from './store/documents.js'
import type { SlotClaim } from './store/jobs.js'

/** Lost races before the rest is left for the next claim. */
const maxRounds = 4

interface Limited {
  job: JobDocument
  slotKey: string
  limit: number
  timeoutMs: number
}

/** Claims those of the jobs for which there is a slot, in their order; the others become blocked. */
export async function claimWithSlots(deps: Deps, jobs: JobDocument[]): Promise<ClaimedJob[]> {
  let asking = jobs.map((job) => limited(deps, job))
  const claimed: ClaimedJob[] = []
  for (let round = 0; round < maxRounds && asking.length > 0; round++) {
    const free = await freeSlots(deps, asking)
    const placed = place(asking, free)
    await block(
      deps,
      asking.filter(({ job }) => !placed.has(job)),
    )
    asking = asking.filter(({ job }) => placed.has(job))
    if (asking.length === 0) break
    const won = await take(deps, asking, placed)
    claimed.push(...won)
    const ids = new Set(won.map(({ _id }) => _id))
    asking = asking.filter(({ job }) => !ids.has(job._id))
  }
  return claimed
}

function limited(deps: Deps, job: JobDocument): Limited {
  const contract = deps.contracts.loaded(job.worker)!
  return {
    job,
    slotKey: job.slotKey ?? slotKeyOf(job.worker, undefined),
    limit: contract.concurrency!.limit,
    timeoutMs: contract.timeoutMs,
  }
}

/** For each key the numbers that nobody holds, smallest first. */
async function freeSlots(deps: Deps, asking: Limited[]): Promise<Map<string, number[]>> {
  const limits = new Map(asking.map(({ slotKey, limit }) => [slotKey, limit]))
  const taken = new Map<string, Set<number>>()
  for (const { slotKey, slot } of await deps.store.jobs.holdersOf([...limits.keys()])) {
    const numbers = taken.get(slotKey!) ?? new Set()
    taken.set(slotKey!, numbers.add(Number(slot!.slice(slotKey!.length + 1))))
  }
  const wanted = new Map<string, number>()
  for (const { slotKey } of asking) wanted.set(slotKey, (wanted.get(slotKey) ?? 0) + 1)
  return new Map(
    [...limits].map(([slotKey, limit]) => {
      const free: number[] = []
      for (let number = 0; number < limit && free.length < wanted.get(slotKey)!; number++) {
        if (!taken.get(slotKey)?.has(number)) free.push(number)
      }
      return [slotKey, free]
    }),
  )
}

function place(asking: Limited[], free: Map<string, number[]>): Map<JobDocument, number> {
  const placed = new Map<JobDocument, number>()
  for (const { job, slotKey } of asking) {
    const number = free.get(slotKey)!.shift()
    if (number !== undefined) placed.set(job, number)
  }
  return placed
}

async function take(deps: Deps, asking: Limited[], placed: Map<JobDocument, number>): Promise<ClaimedJob[]> {
  const claim = deps.newClaim()
  const startedAt = deps.clock.now()
  const groups = new Map<string, SlotClaim>()
  for (const { job, timeoutMs } of asking) {
    const slotNumber = placed.get(job)!
    const key = `${slotNumber} ${timeoutMs}`
    const group = groups.get(key) ?? { jobs: [], slotNumber, deadline: new Date(startedAt.getTime() + timeoutMs) }
    groups.set(key, group)
    group.jobs.push(job)
  }
  const count = await deps.store.jobs.claimWithSlots([...groups.values()], claim, startedAt)
  if (count === asking.length) {
    return asking.map(({ job, slotKey, timeoutMs }) => ({
      ...job,
      state: 'running',
      claim,
      startedAt,
      deadline: new Date(startedAt.getTime() + timeoutMs),
      attempt: job.attempt + 1,
      slot: `${slotKey}#${placed.get(job)!}`,
    }))
  }
  return deps.store.jobs.claimedBy(
    asking.map(({ job }) => job._id),
    claim,
  )
}

async function block(deps: Deps, jobs: Limited[]): Promise<void> {
  if (jobs.length === 0) return
  await deps.store.jobs.block(jobs.map(({ job }) => job))
  const free = await freeSlots(deps, jobs)
  const freed = [...free]
    .filter(([, numbers]) => numbers.length > 0)
    .map(([slotKey, numbers]) => [slotKey, numbers.length] as const)
  await wake(deps, freed)
}

/** Slots of these keys are free, once for each time a key is named: as many blocked jobs may be claimed. */
export async function slotsFreed(deps: Deps, slotKeys: string[]): Promise<void> {
  if (!(await deps.store.jobs.anyBlocked(slotKeys))) return
  const counts = new Map<string, number>()
  for (const slotKey of slotKeys) counts.set(slotKey, (counts.get(slotKey) ?? 0) + 1)
  await wake(deps, [...counts])
}

async function wake(deps: Deps, freed: (readonly [slotKey: string, count: number])[]): Promise<void> {
  const woken = await Promise.all(freed.map(([slotKey, count]) => deps.store.jobs.unblock(slotKey, count)))
  if (woken.some((count) => count > 0)) deps.events.emit('queued', undefined)
}

const sweepKeys = 1_000

/** The safety net: keys with blocked jobs and free slots. */
export async function sweepBlocked(deps: Deps): Promise<void> {
  const blocked = await deps.store.jobs.countBlocked(sweepKeys)
  for (const { slotKey, worker, count } of blocked) {
    const concurrency = deps.contracts.has(worker) ? (await deps.contracts.get(worker)).concurrency : undefined
    const held = concurrency ? (await deps.store.jobs.holdersOf([slotKey])).length : 0
    const free = (concurrency?.limit ?? count) - held
    if (free > 0) await wake(deps, [[slotKey, Math.min(free, count)]])
  }
}
