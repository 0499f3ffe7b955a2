/** Many jobs in one request: each on its own, or with `atomic` all or none. */
import type { EnqueueOutcome } from '../../core/views/answers.gen.js'
import type { z } from 'zod'
import type { enqueueManyRequest } from '../../core/requests/wire.js'
import { idAt } from '../../core/job/newIds.js'
import type { Asker } from '../access/auth.js'
import type { Deps } from '../deps.js'
import { insert, type EnqueueWays } from './enqueue.js'
import { mapInTurns } from './inTurns.js'
import { prepareItem } from './prepareItem.js'
import { enqueueAtomic } from './atomic.js'
import { mostIssuesOf } from './judge.js'
import { toWireError } from '../wireError.js'
import { laneOf } from './writeLane.js'

/**
 * Answers with the outcomes in the order of the items. A bad one has its error in its place, and the others go in; with
 * `atomic` it throws `ATOMIC_REFUSED` instead, and nothing was written.
 */
export function enqueueMany(
  deps: Deps,
  { jobs, atomic, id }: z.output<typeof enqueueManyRequest>,
  asker: Asker,
): Promise<EnqueueOutcome[]> {
  if (atomic) return enqueueAtomic(deps, jobs, asker, id)
  const ways = { lane: laneOf(jobs.length), mostIssues: mostIssuesOf(jobs.length) }
  return mapInTurns(jobs, (item, index) => enqueueOne(deps, item, asker, { ...ways, id: id && idAt(id, index) }))
}

async function enqueueOne(
  deps: Deps,
  item: unknown,
  asker: Asker,
  { id, lane, mostIssues }: Required<EnqueueWays> & { id: string | undefined },
): Promise<EnqueueOutcome> {
  try {
    const { job, rule } = await prepareItem(deps, item, asker, { mostIssues, id })
    const { runAt, ...enqueued } = await insert(deps, rule, job, lane)
    return { ok: true, ...enqueued, runAt: runAt.toISOString() }
  } catch (error) {
    return { ok: false, error: toWireError(deps.log, error).body }
  }
}
