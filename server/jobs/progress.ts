/** Progress: what an attempt tells while it runs. It moves no deadline and decides nothing. */
import type { ParsedProgress } from '../../core/requests/progress.js'
import type { Deps } from '../deps.js'
import { attemptOver, beforeBoth, currentAttempt, type NamedAttempt } from './receive.js'
import { addProgress } from './attemptProgress.js'

/** Throws `UNKNOWN_JOB`, and `ATTEMPT_OVER` for an attempt that has its receipt or is past its deadline. */
export async function recordProgress(deps: Deps, attempt: NamedAttempt, body: ParsedProgress): Promise<void> {
  const job = await currentAttempt(deps, attempt)
  const now = deps.clock.now()
  // of two posts at once either may stay: each holds all lines, and the next one comes within a second
  const after = beforeBoth(now, job.deadline)
  if (!(await deps.store.jobs.setProgress(job._id, job.claim, after, addProgress(job, body, now))))
    throw attemptOver(job)
}
