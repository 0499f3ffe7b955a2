/** Many jobs in one request: each on its own, or with `atomic` all or none. */
import type { z } from 'zod'
import { enqueueRequest, type EnqueueOutcome, type enqueueManyRequest } from '../core/wire.js'
import type { Asker } from './auth.js'
import type { Deps } from './deps.js'
import { enqueue } from './enqueue.js'
import { enqueueTogether } from './together.js'
import { badRequest, toWireError } from './wireError.js'
import { laneOf, type WriteLane } from './writeTurns.js'

/**
 * Answers with the outcomes in the order of the items. A bad one has its error in its place, and the others go in; with `atomic` it throws
 * `BATCH_REFUSED` instead, and nothing was written.
 */
export function enqueueMany(
  deps: Deps,
  { jobs, atomic }: z.output<typeof enqueueManyRequest>,
  asker: Asker,
): Promise<EnqueueOutcome[]> {
  if (atomic) return enqueueTogether(deps, jobs, asker)
  const lane = laneOf(jobs.length)
  return Promise.all(jobs.map((item) => enqueueOne(deps, item, asker, lane)))
}

async function enqueueOne(deps: Deps, item: unknown, asker: Asker, lane: WriteLane): Promise<EnqueueOutcome> {
  try {
    const request = enqueueRequest.safeParse(item)
    if (!request.success) throw badRequest(request.error)
    const { runAt, ...job } = await enqueue(deps, request.data, asker, lane)
    return { ok: true, ...job, runAt: runAt.toISOString() }
  } catch (error) {
    return { ok: false, error: toWireError(deps.log, error).body }
  }
}
