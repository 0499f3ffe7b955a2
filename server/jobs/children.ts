/**
 * Child jobs: an attempt enqueues another job, under the name of the call that asks for it. A unique index stands on
 * job and call, so a call that comes again, because its answer was lost or because a later attempt makes it once more,
 * finds the job that it has made.
 *
 * The attempt may end between the look at it and the insert. Then the job is made all the same, as if it had been asked
 * for a moment earlier.
 */
import type { Enqueued } from '../../core/views/answers.gen.js'
import type { ParsedChildRequest } from '../../core/requests/childRequest.js'
import type { Deps } from '../deps.js'
import { insert, madeBefore, prepare } from './enqueue.js'
import { currentAttempt, type NamedAttempt } from './receive.js'

/** The system's own code, which may ask for any worker. */
const aJob = { workers: undefined }

/** Throws as `enqueue` does, and `UNKNOWN_JOB` and `ATTEMPT_OVER` where the attempt may not enqueue (any more). */
export async function enqueueChild(
  deps: Deps,
  attempt: NamedAttempt,
  { call, ...request }: ParsedChildRequest,
): Promise<Enqueued> {
  const { _id: parent } = await currentAttempt(deps, attempt)
  const origin = { parent, call: `${request.worker} ${call}` }
  const made = await madeBefore(deps, origin)
  if (made) return made
  const { job, rule } = await prepare(deps, request, aJob)
  return insert(deps, rule, { ...job, ...origin })
}
