/** Reports: what an attempt tells while it runs. They move no deadline and decide nothing. */
import type { ParsedReport } from '../core/report.js'
import type { Deps } from './deps.js'
import { attemptOver, currentAttempt } from './receive.js'
import { addReport } from './told.js'

/** Throws `UNKNOWN_JOB`, `UNAUTHORIZED`, and `ATTEMPT_OVER` for an attempt that has its receipt or is past its deadline. */
export async function report(deps: Deps, jobId: string, token: string | undefined, body: ParsedReport): Promise<void> {
  const job = await currentAttempt(deps, jobId, token)
  const now = deps.clock.now()
  // of two reports at once either may stay: each holds all lines, and the next one comes within a second
  if (!(await deps.store.jobs.report(jobId, job.claim, now, addReport(job, body, now)))) throw attemptOver(job)
}
