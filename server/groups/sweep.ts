/** The safety net of groups: finishes what a coordinator that died has left between a member's end and the group's. */
import { passingProblems } from '../../core/views/groupTypes.js'
import type { Deps } from '../deps.js'
import type { GroupDocument } from '../store/documents.js'
import { cancelOpenMembers } from './cancel.js'

const pageSize = 100

/** Looks at every open group once. */
export async function sweepGroups(deps: Deps, signal?: AbortSignal): Promise<void> {
  let after: string | undefined
  while (!signal?.aborted) {
    const groups = await deps.store.groups.open(after, pageSize)
    await Promise.all(groups.map((group) => sweep(deps, group)))
    if (groups.length < pageSize) return
    after = groups.at(-1)!._id
  }
}

async function sweep(deps: Deps, { _id: id, policy, cancelled, problem }: GroupDocument): Promise<void> {
  try {
    if (cancelled) await cancelOpenMembers(deps, id)
    else if (policy === 'cancelRest' && (await deps.store.groups.hasFailed(id))) await deps.groups.cancelRest(id)
    if (!problem || passingProblems.includes(problem.code)) await deps.groups.closeIfOver(id)
  } catch (error) {
    deps.log('error', 'a group could not be looked after; trying again', { group: id, error })
  }
}
