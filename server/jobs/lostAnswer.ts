/**
 * When the answer to a write is lost, the write may have happened all the same: jobs stand there as running, by a claim
 * of ours, and no coordinator calls them. So nothing is concluded from the loss. The jobs are read back by their claim,
 * until the database answers; those that are ours begin, or are given back uncharged where too much of its time is
 * over.
 *
 * The database may even come to the write after it has answered the reader: it had the bytes of a connection that was
 * cut long ago. So one that found less than it wrote looks once more a little later, and gives back what has turned up.
 */
import type { Deps } from '../deps.js'
import { requeue } from './requeue.js'
import type { ClaimedJob } from '../store/documents.js'
import { settled } from '../store/operations.js'
import { untilAnswered } from '../untilAnswered.js'

/** A database that is back has done by then what it found on its old connections. */
const lateMs = 5_000

/** Whether an attempt has most of its time left, so that it may still begin. */
const isFresh = ({ clock }: Deps, { startedAt, deadline }: ClaimedJob): boolean =>
  clock.now().getTime() - startedAt.getTime() < (deadline.getTime() - startedAt.getTime()) / 4

/**
 * Those of the jobs that a claim got, as far as they may begin now. Waits for the database as long as this coordinator
 * may.
 */
export const readBack = async (deps: Deps, ids: string[], claim: string): Promise<ClaimedJob[]> =>
  beginable(deps, await claimedBy(deps, ids, claim))

/** The same of a claim whose answer was lost, with this error. */
export async function readBackLost(deps: Deps, ids: string[], claim: string, error: unknown): Promise<ClaimedJob[]> {
  await settled(error)
  const claimed = await claimedBy(deps, ids, claim)
  lookLater(deps, missing(ids, claimed), claim)
  return beginable(deps, claimed)
}

const claimedBy = (deps: Deps, ids: string[], claim: string): Promise<ClaimedJob[]> =>
  untilAnswered(deps, () => deps.store.jobs.claimedBy(ids, claim), { signal: deps.halted })

/** Gives back those that may not begin any more, and answers with the others. */
export async function beginable(deps: Deps, claimed: ClaimedJob[]): Promise<ClaimedJob[]> {
  const fresh = claimed.filter((job) => isFresh(deps, job))
  if (fresh.length < claimed.length) {
    await giveBack(
      deps,
      claimed.filter((job) => !isFresh(deps, job)),
    )
  }
  return fresh
}

/** Once more, in the background, for jobs that a claim of ours has not got, as it seems. */
export function lookLater(deps: Deps, ids: string[], claim: string): void {
  if (ids.length === 0) return
  const look = async () => {
    await deps.clock.sleep(lateMs, deps.halted)
    if (deps.halted.aborted) return
    await giveBack(deps, await claimedBy(deps, ids, claim))
  }
  look().catch((error: unknown) =>
    deps.log('warn', 'could not look what came of a write that was not answered', { error }),
  )
}

async function giveBack(deps: Deps, jobs: ClaimedJob[]): Promise<void> {
  if (jobs.length === 0) return
  await requeue(deps, jobs)
  deps.log('warn', 'jobs whose claim was not answered are given back', { jobs: jobs.length })
  deps.events.emit('queued', undefined)
}

const missing = (ids: string[], found: ClaimedJob[]): string[] => {
  const known = new Set(found.map(({ _id }) => _id))
  return ids.filter((id) => !known.has(id))
}
