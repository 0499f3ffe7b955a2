/**
 * Cancelling of groups: the rest of one whose policy says so, or one as a whole. Members that wait are cancelled by the
 * hundred; of those that run the functions are told to stop, one by one, as an operator's cancel does it. A crash in
 * between leaves members for the sweep.
 */
import type { GroupMade } from '../../core/views/answers.gen.js'
import { ErrandError } from '../../core/errors.js'
import type { Deps } from '../deps.js'
import { callbackId } from '../ids.js'
import { cancel } from '../operations/jobActions.js'
import type { JobDocument } from '../store/documents.js'
import type { MemberDocument } from '../store/groups.js'
import { sameRevision, type Guard } from '../store/revision.js'
import { unknownGroup } from './view.js'

const pageSize = 500
const keepUnknownMs = 7 * 86_400_000

/**
 * Cancels until nothing keeps the group open, or it is closed. A member of a closed group that an operator has retried
 * is none of ours: so the group is looked at behind its members, and these are cancelled only as they were seen then.
 */
export async function cancelOpenMembers(deps: Deps, id: string): Promise<void> {
  for (;;) {
    const open = await deps.store.groups.openJobs(id, pageSize)
    if ((await deps.store.groups.find(id))?.state !== 'open') return
    const nested = (await deps.store.groups.nestedIn(id)).filter(
      ({ state, cancelled }) => state === 'open' && !cancelled,
    )
    const waiting = open.filter(({ state }) => state === 'scheduled' || state === 'queued' || state === 'blocked')
    const others = open.filter(({ state }) => state === 'running' || state === 'failed')
    if (waiting.length + others.length + nested.length === 0) return
    await cancelWaiting(deps, waiting)
    await Promise.all(others.map((job) => cancelOne(deps, job, sameRevision(job))))
    for (const { _id } of nested) await cancelWhole(deps, _id)
  }
}

async function cancelWaiting(deps: Deps, jobs: readonly MemberDocument[]): Promise<void> {
  const byKeep = new Map<number, MemberDocument[]>()
  for (const job of jobs) {
    const contract = deps.contracts.has(job.worker) ? await deps.contracts.get(job.worker) : undefined
    const keepMs = contract?.keepMs.cancelled ?? keepUnknownMs
    const alike = byKeep.get(keepMs)
    if (alike) alike.push(job)
    else byKeep.set(keepMs, [job])
  }
  const now = deps.clock.now()
  for (const [keepMs, alike] of byKeep) {
    await deps.store.groups.cancelWaiting(alike, now, new Date(now.getTime() + keepMs))
    for (const { _id: id } of alike) deps.events.emit('finished', { id })
  }
}

/** It may have ended in between, which is as good. */
async function cancelOne(deps: Deps, job: Pick<JobDocument, '_id' | 'worker'>, stillIs?: Guard): Promise<void> {
  try {
    await cancel(deps, job, stillIs)
  } catch (error) {
    if (!(error instanceof ErrandError)) throw error
  }
}

/** Of a group that was cancelled just when its callback was made. Answers whether there is one. */
export async function cancelCallback(deps: Deps, group: string): Promise<boolean> {
  const callback = await deps.store.jobs.find(callbackId(group))
  if (callback) await cancelOne(deps, callback)
  return callback !== null
}

/** First the mark, so that it gets no callback from any coordinator. Answers false where it was closed already. */
async function cancelWhole(deps: Deps, id: string): Promise<boolean> {
  if (!(await deps.store.groups.markCancelled(id))) return false
  await cancelOpenMembers(deps, id)
  await deps.groups.closeIfOver(id)
  return true
}

/**
 * Cancels what is left of a group, and of those nested in it; it gets no callback. One that is cancelled already stays
 * so. Throws `UNKNOWN_GROUP`, and `WRONG_STATE` once it is closed.
 */
export async function cancelGroup(deps: Deps, id: string): Promise<GroupMade> {
  if (!(await cancelWhole(deps, id))) {
    const group = await deps.store.groups.find(id)
    if (!group) throw unknownGroup(id)
    if (!group.cancelled) {
      const next = group.thenJob === undefined ? '' : ` Its callback is job ${group.thenJob}.`
      throw new ErrandError('WRONG_STATE', `Group ${id} is closed and cannot be cancelled.${next}`, { details: { id } })
    }
  }
  const group = await deps.store.groups.find(id)
  if (!group) throw unknownGroup(id)
  return { id, state: 'cancelled', total: group.total }
}
