/**
 * Purge: final jobs past their keep time go, with their receipts, and old entries of the audit. Paced, so that a flood
 * of them leaves room for others.
 */
import { purgeAudit } from '../access/audit.js'
import type { Deps } from '../deps.js'
import { rememberedMs } from './givenId.js'
import type { JobDocument } from '../store/documents.js'

const pageSize = 200
const pauseMs = 20

/** Answers with how many jobs went. */
export async function purge(deps: Deps, signal?: AbortSignal): Promise<number> {
  const now = deps.clock.now()
  await deps.store.throttles.removeExpired(now)
  await deps.store.slots.removeExpired(now)
  await purgeAudit(deps)
  await deps.store.groups.removeExpired(now, pageSize)
  let purged = 0
  while (!signal?.aborted) {
    const expired = await deps.store.jobs.expired(now, pageSize)
    if (expired.length === 0) break
    const ids = await withoutNeeded(deps, expired, now)
    // receipts first: a crash in between leaves jobs that the next round finds again, not receipts that would never be
    // found
    if (ids.length > 0) {
      await deps.store.receipts.removeOfJobs(ids)
      purged += await deps.store.jobs.remove(ids, now)
    }
    if (expired.length < pageSize) break
    await deps.clock.sleep(pauseMs, signal)
  }
  await purgeOrigins(deps, now, signal)
  return purged
}

/** An id is remembered as long as its job. */
async function purgeOrigins({ store, clock }: Deps, now: Date, signal: AbortSignal | undefined): Promise<void> {
  while (!signal?.aborted) {
    const expired = await store.origins.expired(now, pageSize)
    const jobs = await store.jobs.briefs(expired.map(({ job }) => job))
    const alive = new Set(jobs.map(({ _id }) => _id))
    const idsOf = (isKept: boolean) => expired.filter(({ job }) => alive.has(job) === isKept).map(({ _id }) => _id)
    await store.origins.keep(idsOf(true), now, new Date(now.getTime() + rememberedMs))
    await store.origins.remove(idsOf(false), now)
    if (expired.length < pageSize) return
    await clock.sleep(pauseMs, signal)
  }
}

/** How long until a job is looked at again that its group needs. */
const neededMs = 3_600_000

/**
 * A group needs its members for their summary, and its callback may read them; and a callback must not go before its
 * group is marked as closed, or a sweep would make it again. Answers with the ids of the others.
 */
async function withoutNeeded(
  deps: Deps,
  jobs: Pick<JobDocument, '_id' | 'group' | 'callbackOf'>[],
  now: Date,
): Promise<string[]> {
  const groupsOf = ({ group, callbackOf }: Pick<JobDocument, 'group' | 'callbackOf'>) =>
    [group, callbackOf].filter((id) => id !== undefined)
  const groups = [...new Set(jobs.flatMap(groupsOf))]
  if (groups.length === 0) return jobs.map(({ _id }) => _id)
  const needing = await deps.store.groups.needing(groups)
  const needed = jobs.filter((job) => groupsOf(job).some((id) => needing.has(id))).map(({ _id }) => _id)
  if (needed.length > 0) await deps.store.jobs.keep(needed, now, new Date(now.getTime() + neededMs))
  const kept = new Set(needed)
  return jobs.map(({ _id }) => _id).filter((id) => !kept.has(id))
}
