/**
 * Reap: attempts whose deadline has passed get the receipt they are missing, TIMEOUT, by the same ledger as every other
 * one. Where a receipt is there already, its coordinator died before it could move the job; then the move is finished
 * by what that receipt says.
 *
 * A job that was claimed and not called yet is given back without an entry in the ledger, and its attempt's number with
 * it. So the reaper takes hold of a run before it writes: a coordinator giving it back comes before that, and the
 * reaper finds that it runs no more, or comes too late. Else the number would have a receipt, and be given once more.
 */
import type { Deps } from '../deps.js'
import { contractOf, record, timeout } from './receive.js'
import { keepSlot } from '../flowControl/slots.js'
import { receiptId, type ClaimedJob } from '../store/documents.js'

/** At most so many in one round. */
export const reapPageSize = 500

/** Attempts that this coordinator calls: it hears their answers itself, and breaks them off at their deadlines. */
export type OwnCalls = () => readonly { id: string; claim: string }[]

/** Answers with the ids of the jobs it moved. */
export async function reap(deps: Deps, ownCalls: OwnCalls = () => []): Promise<string[]> {
  const overdue = await deps.store.jobs.takeHold(await findOverdue(deps, ownCalls), deps.clock.now())
  await Promise.all(overdue.map((job) => reapOne(deps, job)))
  return overdue.map(({ _id }) => _id)
}

/** Those that have a grace stand in front of the others, so it looks beyond them. */
async function findOverdue(deps: Deps, ownCalls: OwnCalls): Promise<ClaimedJob[]> {
  const found: ClaimedJob[] = []
  for (let skip = 0; ; skip += reapPageSize) {
    const page = await deps.store.jobs.overdue(deps.clock.now(), reapPageSize, skip)
    const own = new Set(ownCalls().map(({ id, claim }) => receiptId(id, claim)))
    for (const job of page) {
      if (own.has(receiptId(job._id, job.claim))) continue
      if (!deps.hearing.isInTime(job, await contractOf(deps, job))) found.push(job)
    }
    if (page.length < reapPageSize || found.length >= reapPageSize) return found.slice(0, reapPageSize)
  }
}

async function reapOne(deps: Deps, job: ClaimedJob): Promise<void> {
  keepSlot(deps, job)
  if (!(await record(deps, job, timeout, 'coordinator'))) return
  deps.log('warn', 'no receipt came before the deadline', { job: job._id, worker: job.worker, attempt: job.attempt })
}
