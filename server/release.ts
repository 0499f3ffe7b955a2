import type { Deps } from './deps.js'
import type { ClaimedJob } from './store/documents.js'
import { released } from './transition.js'

/** Gives claimed jobs back that will not be started after all: a shutdown came in between, or the database did not say in time that they are ours. */
export const release = (deps: Deps, jobs: readonly ClaimedJob[]): Promise<unknown> =>
  Promise.all(jobs.map((job) => deps.writes.applyTransition(released(job))))
