import type { Deps } from '../deps.js'
import { giveBack } from './receive.js'
import { freeSlot } from '../flowControl/slots.js'
import type { ClaimedJob } from '../store/documents.js'
import type { Transition } from '../store/jobs/attempt.js'
import { uncalled } from './transition.js'

/**
 * Gives claimed jobs back whose functions were not called: no lane was free for them, a shutdown came in between, or
 * the database did not say in time that they are ours. Nothing is charged.
 */
export const requeue = (deps: Deps, jobs: readonly ClaimedJob[]): Promise<unknown> =>
  Promise.all(jobs.map((job) => releaseOne(deps, job)))

async function releaseOne(deps: Deps, job: ClaimedJob): Promise<void> {
  if (job.deadline > deps.clock.now()) await requeueAs(deps, job, uncalled(job))
  // a reaper may be at work, so the ledger decides
  else await Promise.all([giveBack(deps, job), freeSlot(deps, job)])
}

/** The way back of a job whose function was not called, before its deadline. */
export const requeueAs = (deps: Deps, job: ClaimedJob, transition: Transition): Promise<unknown> =>
  Promise.all([deps.writes.applyTransition(transition), freeSlot(deps, job)])
