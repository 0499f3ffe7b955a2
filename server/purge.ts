/** Purge: final jobs past their keep time go, with their receipts, and old entries of the audit. Paced, so that a flood of them leaves room for others. */
import { purgeAudit } from './audit.js'
import type { Deps } from './deps.js'

const batch = 200
const pauseMs = 20

/** Answers with how many jobs went. */
export async function purge(deps: Deps, signal?: AbortSignal): Promise<number> {
  const now = deps.clock.now()
  await deps.store.throttles.removeExpired(now)
  await purgeAudit(deps)
  let purged = 0
  while (!signal?.aborted) {
    const ids = await deps.store.jobs.expired(now, batch)
    if (ids.length === 0) break
    // receipts first: a crash in between leaves jobs that the next round finds again, not receipts that nobody would ever find
    await deps.store.receipts.removeOfJobs(ids)
    purged += await deps.store.jobs.remove(ids, now)
    if (ids.length < batch) break
    await deps.clock.sleep(pauseMs, signal)
  }
  return purged
}
