/**
 * Reap: attempts whose deadline has passed get the receipt they are missing, TIMEOUT, by the same ledger as every other one. Where a receipt
 * is there already, its coordinator died before it could move the job; then the move is finished by what that receipt says.
 */
import type { Deps } from './deps.js'
import { record, timeout } from './receive.js'
import type { ClaimedJob } from './store/documents.js'

/** At most so many in one round. */
export const reapBatch = 500

/** Answers with the ids of the jobs it moved. */
export async function reap(deps: Deps): Promise<string[]> {
  const overdue = await deps.store.jobs.overdue(deps.clock.now(), reapBatch)
  await Promise.all(overdue.map((job) => reapOne(deps, job)))
  return overdue.map(({ _id }) => _id)
}

async function reapOne(deps: Deps, job: ClaimedJob): Promise<void> {
  if (!(await record(deps, job, timeout, 'coordinator'))) return
  deps.log('warn', 'no receipt came before the deadline', { job: job._id, worker: job.worker, attempt: job.attempt })
}
