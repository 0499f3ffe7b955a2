/**
 * Concurrency: a job of a limited worker runs only while its run has an entry among the users of its slot key
 * (store/slots), and there are never more entries that count than the limit allows.
 *
 *   queued ──reserve──▶ entry ──claim──▶ running ──▶ the function has answered: the entry goes, and the best blocked job becomes queued
 *      └── no room: blocked                └─────▶ no answer was heard: the entry stays until the deadline it was told, and five seconds
 *
 * The limit is on runs, not on the states of jobs. A job may move on while its function works: it timed out, was
 * cancelled, or was given back by a coordinator that could not wait. Its entry stays then, as long as the function may
 * work by the deadline that it knows.
 *
 * The entry is written before the claim. A coordinator that dies in between leaves an entry that ends by its time, and
 * never a job that runs without one. Two races are covered here: another coordinator takes the last place (then the
 * write itself finds no room), and a place falls free while `blocked` is written (then nothing would wake the job, so
 * we look once more). A sweep finds the places whose time is over, and what a coordinator that died has left.
 */
import type { Deps } from '../deps.js'
import { repeat } from '../repeatedWrite.js'
import type { ClaimedJob, JobDocument, SlotUser } from '../store/documents.js'
import { slotRunId, type SlotRequest, type SlotRun } from '../store/slots.js'

/** A function that ends its work at the deadline needs a moment for it, and its clock may be a little late. */
const graceMs = 5_000

/** How long a run counts whose function does not answer. */
const countsUntil = (deadline: Date): Date => new Date(deadline.getTime() + graceMs)

/** Fields that the runs of one claim share. */
export interface Begin {
  claim: string
  startedAt: Date
  /** How long the attempt of a job may take, its wait for a lane included. */
  allowedMs: (job: JobDocument) => number
}

export const deadlineOf = ({ startedAt, allowedMs }: Begin, job: JobDocument): Date =>
  new Date(startedAt.getTime() + allowedMs(job))

/** Those of the jobs, in their order, for which there is room now; the others become blocked. */
export async function reserveSlots(deps: Deps, jobs: readonly JobDocument[], begin: Begin): Promise<JobDocument[]> {
  const { claim, startedAt: since } = begin
  const requests = new Map<string, SlotRequest>()
  for (const job of jobs) {
    const slotKey = keyOf(job)
    const { limit } = deps.contracts.loaded(job.worker)!.concurrency!
    const request = requests.get(slotKey) ?? { slotKey, limit, users: [] }
    requests.set(slotKey, request)
    request.users.push({ job: job._id, claim, since, until: countsUntil(deadlineOf(begin, job)) })
  }
  // an entry is known by its claim, and not made twice
  const taken = await repeat(deps, () => deps.store.slots.take([...requests.values()], since))
  const hasPlace = ({ _id: job }: JobDocument) => taken.has(slotRunId({ job, claim }))
  await block(
    deps,
    jobs.filter((job) => !hasPlace(job)),
  )
  return jobs.filter(hasPlace)
}

export const slotKeyOf = (worker: string, key: string | undefined): string => `${worker}\n${key ?? ''}`

const keyOf = ({ worker, slotKey }: Pick<JobDocument, 'worker' | 'slotKey'>): string =>
  slotKey ?? slotKeyOf(worker, undefined)

async function block(deps: Deps, jobs: readonly JobDocument[]): Promise<void> {
  if (jobs.length === 0) return
  const keyless = jobs.filter(({ slotKey }) => slotKey === undefined)
  await deps.store.jobs.block(jobs.filter(({ slotKey }) => slotKey !== undefined))
  for (const slotKey of new Set(keyless.map(keyOf))) {
    await deps.store.jobs.block(
      keyless.filter((job) => keyOf(job) === slotKey),
      slotKey,
    )
  }
  const limits = new Map(jobs.map((job) => [keyOf(job), deps.contracts.loaded(job.worker)!.concurrency!.limit]))
  const inUse = await deps.store.slots.inUse([...limits.keys()], deps.clock.now())
  const free = [...limits].map(([slotKey, limit]) => [slotKey, limit - inUse.get(slotKey)!.length] as const)
  await wake(
    deps,
    free.filter(([, count]) => count > 0),
  )
}

/** The entry that an attempt has, if its worker has a limit. */
export function slotRunOf(
  { contracts }: Deps,
  { _id: job, claim, worker, slotKey }: Pick<ClaimedJob, '_id' | 'claim' | 'worker' | 'slotKey'>,
): SlotRun | undefined {
  const contract = contracts.loaded(worker)
  // of a worker that is gone, or not loaded here, the job knows
  if (contract ? contract.concurrency === undefined : slotKey === undefined) return undefined
  return { slotKey: keyOf({ worker, ...(slotKey === undefined ? {} : { slotKey }) }), job, claim }
}

/** The function of this attempt has answered, or was never called. */
export async function freeSlot(
  deps: Deps,
  job: Pick<ClaimedJob, '_id' | 'claim' | 'worker' | 'slotKey'>,
): Promise<void> {
  const run = slotRunOf(deps, job)
  if (run) await deps.writes.freeSlot(run)
}

/** The attempt may take until then; its place is kept first, so that it never falls free before. */
export async function extendSlot(deps: Deps, job: ClaimedJob, deadline: Date): Promise<void> {
  const run = slotRunOf(deps, job)
  if (run) await deps.store.slots.extend(run, countsUntil(deadline))
}

/** The function of this attempt was not heard to answer; its place falls free by itself then. */
export function keepSlot(deps: Deps, job: ClaimedJob): void {
  if (slotRunOf(deps, job)) deps.events.emit('slotExpires', countsUntil(job.deadline))
}

/** One place of each of these keys is free, once for each time a key is named: as many blocked jobs may be claimed. */
export async function slotsFreed(deps: Deps, slotKeys: readonly string[]): Promise<void> {
  if (!(await deps.store.jobs.anyBlocked([...slotKeys]))) return
  const counts = new Map<string, number>()
  for (const slotKey of slotKeys) counts.set(slotKey, (counts.get(slotKey) ?? 0) + 1)
  await wake(deps, [...counts])
}

async function wake(deps: Deps, freed: readonly (readonly [slotKey: string, count: number])[]): Promise<void> {
  const woken = await Promise.all(freed.map(([slotKey, count]) => deps.store.jobs.unblock(slotKey, count)))
  if (woken.some((count) => count > 0)) deps.events.emit('queued', undefined)
}

const sweepKeys = 1_000

/** Wakes the blocked jobs of keys that have places. Answers with when the next place falls free by its time. */
export async function sweepBlocked(deps: Deps): Promise<Date | undefined> {
  const blocked = await deps.store.jobs.countBlocked(sweepKeys)
  if (blocked.length === 0) return undefined
  const inUse = await deps.store.slots.inUse(
    blocked.map(({ slotKey }) => slotKey),
    deps.clock.now(),
  )
  for (const { slotKey, worker, count } of blocked) {
    const concurrency = deps.contracts.has(worker) ? (await deps.contracts.get(worker)).concurrency : undefined
    const free = concurrency ? concurrency.limit - inUse.get(slotKey)!.length : count
    if (free > 0) await wake(deps, [[slotKey, Math.min(free, count)]])
  }
  return earliestEnd([...inUse.values()].flat())
}

const earliestEnd = (users: readonly SlotUser[]): Date | undefined =>
  users.reduce<Date | undefined>((first, { until }) => (first && first <= until ? first : until), undefined)
