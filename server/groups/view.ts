/** Shows groups and their jobs, and retries a group that is stuck. */
import type { GroupEnd, GroupJobPage, GroupView } from '../../core/views/answers.gen.js'
import type { z } from 'zod'
import { ErrandError } from '../../core/errors.js'
import type { groupJobsRequest } from '../../core/requests/groups.js'
import type { GroupState } from '../../core/views/groupTypes.js'
import { matchesWorker } from '../../core/roles.js'
import type { Follower } from '../access/auth.js'
import type { Deps } from '../deps.js'
import { disclosuresOf } from '../access/disclosure.js'
import type { GroupDocument } from '../store/documents.js'
import { jobRow } from '../operations/view.js'

/** Throws `UNKNOWN_GROUP`. */
export async function getGroup(deps: Deps, id: string): Promise<GroupView> {
  const group = await findGroup(deps, id)
  const [counts, open, nested] = await Promise.all([
    deps.store.groups.countStates(id),
    deps.store.groups.countOpen(id),
    deps.store.groups.nestedIn(id),
  ])
  const { policy, total, parent, createdAt } = group
  return {
    ...groupEnd(group),
    policy,
    total,
    open: open + nested.filter(({ state }) => state === 'open').length,
    counts: Object.fromEntries(counts.map(({ state, count }) => [state, count])),
    groups: nested.map((each) => ({ id: each._id, state: stateOf(each), total: each.total })),
    ...(parent === undefined ? {} : { parentId: parent }),
    createdAt: createdAt.toISOString(),
  }
}

/** Throws `UNKNOWN_GROUP`. */
export const getGroupEnd = async (deps: Deps, id: string): Promise<GroupEnd> => groupEnd(await findGroup(deps, id))

function groupEnd(group: GroupDocument): GroupEnd {
  const { _id: id, then, thenJob, problem, closedAt } = group
  return {
    id,
    state: stateOf(group),
    ...(then ? { then: { worker: then.worker, ...(thenJob === undefined ? {} : { jobId: thenJob }) } } : {}),
    ...(problem ? { problem } : {}),
    ...(closedAt ? { closedAt: closedAt.toISOString() } : {}),
  }
}

/** One that was cancelled just when its callback was made is closed, and the callback was cancelled, or was quicker. */
const stateOf = ({ state, cancelled, problem, thenJob }: GroupDocument): GroupState => {
  if (problem) return 'stuck'
  return state === 'closed' && cancelled && thenJob === undefined ? 'cancelled' : state
}

/**
 * The jobs of a group, callbacks of nested groups included, without those of workers that the follower's key does not
 * take. Throws `UNKNOWN_GROUP`.
 */
export async function listGroupJobs(
  deps: Deps,
  { id, state, limit, cursor }: z.output<typeof groupJobsRequest>,
  follower: Follower,
): Promise<GroupJobPage> {
  await findGroup(deps, id)
  const [{ items, more }, pauses] = await Promise.all([
    deps.store.groups.listJobs(id, { state, after: cursor, limit, withoutArgs: !follower.seesArgs }),
    deps.pauses.current(),
  ])
  const jobs = items.filter(({ worker }) => matchesWorker(follower.workers, worker))
  const workers = jobs.map(({ worker }) => worker)
  const disclosures = await disclosuresOf(deps.contracts, workers, follower)
  return {
    jobs: jobs.map((job) => jobRow(job, { contracts: deps.contracts, pauses, disclosure: disclosures(job.worker) })),
    cursor: more ? items.at(-1)!._id : null,
  }
}

/**
 * Tries again to make the callback of a group that is stuck. Throws `UNKNOWN_GROUP`, and `WRONG_STATE` for a group that
 * is not stuck.
 */
export async function retryGroup(deps: Deps, id: string): Promise<GroupEnd> {
  const group = await findGroup(deps, id)
  if (!group.problem) {
    throw new ErrandError('WRONG_STATE', `Group ${id} is ${stateOf(group)}; only one that is stuck can be retried.`, {
      details: { id, state: stateOf(group) },
    })
  }
  await deps.groups.closeIfOver(id)
  return getGroupEnd(deps, id)
}

async function findGroup(deps: Deps, id: string): Promise<GroupDocument> {
  const group = await deps.store.groups.find(id)
  if (!group) throw unknownGroup(id)
  return group
}

export const unknownGroup = (id: string): ErrandError =>
  new ErrandError(
    'UNKNOWN_GROUP',
    `There is no group "${id.slice(0, 100)}". Groups are shown for 30 days after they are closed.`,
    { details: { id: id.slice(0, 100) } },
  )
