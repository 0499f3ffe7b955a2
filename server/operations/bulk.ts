/**
 * Retry, replay, cancel and erase by filter. A dry run counts and gives a token, which names the moment of the count
 * and the filter; the operation takes nothing without it. It touches only jobs that were there at that moment (for
 * retries and replays: that were final then), newest first, a page for each request, each job by its own guarded write.
 *
 * A page may be asked for again, after a crash or an answer that was lost: a job that was retried or cancelled is in
 * the filter no more, not even if it has failed anew since, and the id of a replay is made of the token and the old
 * job's id, so that it is made once.
 *
 * By worker, or by the state `failed` alone, jobs are found by an index. Other filters look at all jobs, which is slow
 * where there are millions.
 */
import type { BulkCount, BulkOutcome } from '../../core/views/answers.gen.js'
import { createHash } from 'node:crypto'
import type { BulkFilter, BulkRequest } from '../../core/requests/bulk.js'
import { mostMatching, mostSkipped } from '../../core/views/bulkView.js'
import { ErrandError } from '../../core/errors.js'
import { isFinal } from '../../core/states.js'
import type { Deps } from '../deps.js'
import { replayId, timeOfId } from '../ids.js'
import { erase } from './erase.js'
import { eraseInCallback } from './eraseInCallback.js'
import { cancel, retry } from './jobActions.js'
import { replay } from './replay.js'
import type { JobDocument } from '../store/documents.js'
import { matches, type MatchingFilter } from '../store/jobs/read.js'

export type BulkOperation = 'retry' | 'replay' | 'cancel' | 'erase'

/** How long a token is good. Shorter than jobs are kept, so that a replay that was made is still there to be known. */
const tokenMs = 3_600_000
/** Jobs that are worked on at once. */
const atOnce = 50

/**
 * Answers a dry run with a count, else works one page off. Throws `BAD_REQUEST` for a token that is too old or belongs
 * to something else.
 */
export async function bulk(
  deps: Deps,
  operation: BulkOperation,
  { filter, dryRun, token, cursor, limit }: Omit<BulkRequest, 'filter'> & { filter: BulkFilter },
): Promise<BulkCount | BulkOutcome> {
  if (dryRun) return count(deps, operation, filter)
  const run = readToken(deps, operation, filter, token!)
  const matching = matchingFilter(operation, filter, run.at)
  const { items: page, more } = await deps.store.jobs.matching(matching, {
    before: cursor,
    limit,
    // only a replay has them stored again
    withoutArgs: operation !== 'replay',
  })
  const skipped: BulkOutcome['skipped'] = []
  for (let first = 0; first < page.length; first += atOnce) {
    const some = page.slice(first, first + atOnce)
    const reasons = await Promise.all(
      some.map((job) => tryOne(() => operate(deps, operation, job, { run: run.id, filter: matching }))),
    )
    some.forEach(({ _id }, index) => {
      const reason = reasons[index]
      if (reason) skipped.push({ id: _id, code: reason.code, message: reason.message })
    })
  }
  if (operation === 'erase') await eraseInCallbacks(deps, page)
  return {
    matched: page.length,
    done: page.length - skipped.length,
    skipped: skipped.slice(0, mostSkipped),
    cursor: more ? page.at(-1)!._id : null,
  }
}

/**
 * Each by a write that names what the job was found by: one that has become something else since is none of those that
 * were meant.
 */
async function operate(
  deps: Deps,
  operation: BulkOperation,
  job: JobDocument,
  { run, filter }: { run: string; filter: MatchingFilter },
): Promise<unknown> {
  switch (operation) {
    case 'retry':
      return retry(deps, job)
    case 'replay':
      return replay(deps, job, replayId(run, job._id), {}, 'bulk')
    case 'cancel':
      return cancel(deps, job, matches(filter))
    case 'erase':
      return erase(deps, job)
  }
}

/** Once for each group, whose callback holds what all its members returned. */
async function eraseInCallbacks(deps: Deps, jobs: readonly JobDocument[]): Promise<void> {
  const members = new Map<string, string[]>()
  for (const { _id, group, state } of jobs) {
    if (group !== undefined && isFinal(state)) members.set(group, [...(members.get(group) ?? []), _id])
  }
  for (const [group, ids] of members) await eraseInCallback(deps, group, ids)
}

/** Why this job cannot; what stands in the way of all jobs is thrown on. */
async function tryOne(act: () => Promise<unknown>): Promise<ErrandError | undefined> {
  try {
    await act()
    return undefined
  } catch (error) {
    if (error instanceof ErrandError) return error
    throw error
  }
}

async function count(deps: Deps, operation: BulkOperation, filter: BulkFilter): Promise<BulkCount> {
  const id = deps.newId()
  const matching = matchingFilter(operation, filter, timeOfId(id))
  return {
    count: await deps.store.jobs.countMatching(matching, mostMatching),
    token: `${id}.${fingerprint(operation, filter)}`,
  }
}

const matchingFilter = (operation: BulkOperation, filter: BulkFilter, at: Date): MatchingFilter => ({
  worker: filter.worker,
  states: filter.state,
  createdAfter: filter.createdAfter === undefined ? undefined : new Date(filter.createdAfter),
  createdBefore: filter.createdBefore === undefined ? undefined : new Date(filter.createdBefore),
  errorCode: filter.errorCode,
  key: filter.key,
  ids: filter.ids,
  parent: filter.parent,
  ...(operation === 'cancel' || operation === 'erase' ? { createdUntil: at } : { finishedBefore: at }),
})

/** Not a secret: it keeps a token from being used for another filter or operation by mistake. */
const fingerprint = (operation: BulkOperation, filter: BulkFilter): string =>
  createHash('sha256')
    .update(JSON.stringify([operation, Object.entries(filter).toSorted(([a], [b]) => (a < b ? -1 : 1))]))
    .digest('hex')
    .slice(0, 16)

function readToken(deps: Deps, operation: BulkOperation, filter: BulkFilter, token: string): { id: string; at: Date } {
  const [id = '', print] = token.split('.')
  const at = timeOfId(id)
  if (Number.isNaN(at.getTime()) || print !== fingerprint(operation, filter)) {
    throw badToken(`is not one of this filter and operation`)
  }
  if (deps.clock.now().getTime() - at.getTime() > tokenMs) throw badToken('is older than an hour')
  return { id, at }
}

const badToken = (problem: string): ErrandError =>
  new ErrandError('BAD_REQUEST', `The token ${problem}. Count again with \`dryRun: true\`.`, {
    issues: [{ path: ['token'], code: 'invalid_token', message: problem }],
  })
