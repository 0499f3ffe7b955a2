/**
 * The callback of a group: one job, made when the group is over, whose args hold the summary of its members as `group`.
 */
import type { GroupProblem, GroupSummary } from '../../core/views/groupTypes.js'
import { ErrandError } from '../../core/errors.js'
import { maxDepthAround } from '../../core/payload/depth.js'
import { decodePayload, encodePayload } from '../../core/payload/payload.js'
import { firstVersion, versionField } from '../../core/job/migrate.js'
import type { Deps } from '../deps.js'
import { mayRedact } from '../access/disclosure.js'
import { eraseErased } from '../operations/eraseInCallback.js'
import { checkArgs, storedArgs } from '../jobs/checkArgs.js'
import { newJob } from '../jobs/enqueue.js'
import { callbackId } from '../ids.js'
import type { CallbackDocument, GroupDocument, JobDocument } from '../store/documents.js'
import { ownsNoLonger } from '../flowControl/unique.js'
import { summaryOf } from './summary.js'

export type CallbackMade =
  | { kind: 'made'; id: string }
  /** A member is not final any more, or we are late: another look follows. */
  | { kind: 'later' }
  | { kind: 'stuck'; problem: GroupProblem }

/**
 * A coordinator that was halted since it looked must not write any more: the callback may have been made, run and
 * purged meanwhile, and would be made twice.
 */
const staleMs = 60_000

export async function makeCallback(
  deps: Deps,
  group: GroupDocument,
  then: CallbackDocument,
  lookedAt: Date,
): Promise<CallbackMade> {
  const summary = await summaryOf(deps, group)
  if (!summary) return { kind: 'later' }
  try {
    const job = await callbackJob(deps, group, then, summary)
    for (;;) {
      if (deps.clock.now().getTime() - lookedAt.getTime() > staleMs) return { kind: 'later' }
      // one that is there under its id was made by another coordinator, which is as good
      if ((await deps.writes.insertJob(job)) !== 'keyTaken') break
      const owner = await deps.store.jobs.ownerOf(job.uniqueKey!)
      if (owner && !(await ownsNoLonger(deps, owner))) throw keyTaken(owner)
    }
    await eraseErased(deps, group._id)
    deps.events.emit('queued', undefined)
    deps.metrics.enqueued(job.worker)
    return { kind: 'made', id: job._id }
  } catch (error) {
    if (!(error instanceof ErrandError)) throw error
    const { code, message, issues } = error
    return { kind: 'stuck', problem: { code, message, ...(issues === undefined ? {} : { issues }) } }
  }
}

/**
 * It is never merged with a job that has its key: it would take that one's summary for its own. The sweep tries again.
 */
const keyTaken = (owner: JobDocument): ErrandError =>
  new ErrandError('KEY_TAKEN', `The key of the callback is taken by job ${owner._id}, which is ${owner.state}.`)

async function callbackJob(
  deps: Deps,
  group: GroupDocument,
  { worker, args, argsMeta, argsVersion, priority }: CallbackDocument,
  summary: GroupSummary,
): Promise<JobDocument> {
  const own = decodePayload({ json: args, ...(argsMeta === undefined ? {} : { meta: argsMeta }) }) as object
  const { json, meta } = encodePayload({ ...own, group: summary }, maxDepthAround)
  const now = deps.clock.now()
  const id = callbackId(group._id)
  const outer = group.parent === undefined ? undefined : await deps.store.groups.find(group.parent)
  const membership = { callbackOf: group._id, ...(await unshown(deps, summary)), ...(outer && memberFields(outer)) }
  if (!deps.contracts.has(worker)) {
    // it waits for its worker as any job does; the schema is checked by the function
    return {
      _id: id,
      worker,
      args: json,
      ...(meta === undefined ? {} : { argsMeta: meta }),
      ...versionField(argsVersion),
      state: 'queued',
      priority: priority ?? 0,
      runAt: now,
      createdAt: now,
      attempt: 0,
      maxAttempts: 5,
      ...membership,
    }
  }
  const contract = await deps.contracts.get(worker)
  const checked = await checkArgs(contract, storedArgs({ args: json, argsMeta: meta }), {
    version: argsVersion ?? firstVersion,
    isPutTogether: true,
  })
  return { ...newJob(contract, { id, args: checked, runAt: now, now, priority }), ...membership }
}

/**
 * Where a member's worker redacts anything, or may, the results of all are shown with the members alone, and not once
 * more in these args.
 */
async function unshown({ contracts }: Deps, { members }: GroupSummary): Promise<Pick<JobDocument, 'redact'>> {
  const withResult = members.flatMap(({ worker, result }) => (result === undefined ? [] : (worker ?? [])))
  for (const worker of new Set(withResult)) {
    if (await mayRedact(contracts, worker)) return { redact: ['group.members.*.result'] }
  }
  return {}
}

/** The fields that make a job a member of a group, until it is final. */
export const memberFields = ({
  _id,
  policy,
}: Pick<GroupDocument, '_id' | 'policy'>): Pick<JobDocument, 'group' | 'groupOpen' | 'groupPolicy'> => ({
  group: _id,
  groupOpen: _id,
  ...(policy === 'continue' ? {} : { groupPolicy: policy }),
})
