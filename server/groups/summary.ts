/**
 * The summary that a callback gets: how each member ended. It is cut to what a request to a function may carry on every
 * platform: first results are left out, then errors, and of very many members all but those that did not succeed.
 */
import type { GroupMember, GroupSummary } from '../../core/views/groupTypes.js'
import { tooDeep } from '../../core/payload/depth.js'
import { encodePayload, isTooDeep, restorePayload } from '../../core/payload/payload.js'
import { isFinal, type FinalState } from '../../core/states.js'
import type { Deps } from '../deps.js'
import {
  jobOfReceipt,
  receiptId,
  resultLength,
  type GroupDocument,
  type JobDocument,
  type ReceiptDocument,
} from '../store/documents.js'
import { maxPageLength } from '../store/page.js'

/** Characters of JSON. */
const maxSummarySize = 512_000

type MemberJob = Pick<JobDocument, '_id' | 'worker' | 'state' | 'cancelledAttempts'>

/** A member without its result and error, and the job that has them. */
interface Ended {
  member: GroupMember
  job?: MemberJob
}

/** Undefined where a member is not final: an operator has retried it since. */
export async function summaryOf(deps: Deps, { _id: id, total }: GroupDocument): Promise<GroupSummary | undefined> {
  const ended = await endedMembers(deps, id)
  if (!ended) return undefined
  const count = (state: FinalState) => ended.filter(({ member }) => member.state === state).length
  return {
    id,
    total,
    succeeded: count('succeeded'),
    failed: count('failed'),
    cancelled: count('cancelled'),
    ...(await fit(deps, ended)),
  }
}

async function endedMembers({ store }: Deps, id: string): Promise<Ended[] | undefined> {
  const [jobs, nested] = await Promise.all([store.groups.members(id), store.groups.nestedIn(id)])
  const ended: Ended[] = []
  for (const job of jobs) {
    if (!isFinal(job.state)) return undefined
    ended.push({ member: { id: job._id, worker: job.worker, state: job.state }, job })
  }
  // one with a callback is told as that job, which is a member of its own
  for (const { _id, outcome } of nested) if (outcome) ended.push({ member: { id: _id, state: outcome } })
  return ended
}

type Fitting = Pick<GroupSummary, 'members' | 'truncated'>

async function fit(deps: Deps, ended: readonly Ended[]): Promise<Fitting> {
  const bare = ended.map(({ member }) => member)
  if (sizeOf(bare) > maxSummarySize) {
    const worst = ended.filter(({ member }) => member.state !== 'succeeded')
    return { members: (await withReceipts(deps, worst, { errors: true })).members, truncated: 'members' }
  }
  const all = await withReceipts(deps, ended, { results: true, errors: true })
  if (all.complete) return { members: all.members, truncated: false }
  const errors = await withReceipts(deps, ended, { errors: true })
  return { members: errors.complete ? errors.members : bare, truncated: 'results' }
}

const receiptsInOneQuery = 200

/** Members with what is wanted of their last receipts, as many as fit. Reads no further than that. */
async function withReceipts(
  deps: Deps,
  ended: readonly Ended[],
  wanted: { results?: boolean; errors?: boolean },
): Promise<{ members: GroupMember[]; complete: boolean }> {
  const members: GroupMember[] = []
  let size = 0
  for (let start = 0; start < ended.length; start += receiptsInOneQuery) {
    const part = ended.slice(start, start + receiptsInOneQuery)
    const last = await lastReceipts(
      deps,
      part.flatMap(({ member, job }) => (job && isWanted(member, wanted) ? job : [])),
    )
    if (!last) return { members, complete: false }
    for (const { member, job } of part) {
      const full = job && last.has(job._id) ? { ...member, ...detailOf(member, last.get(job._id)!) } : member
      size += sizeOf(full)
      if (size > maxSummarySize) return { members, complete: false }
      members.push(full)
    }
  }
  return { members, complete: true }
}

const isWanted = ({ state }: GroupMember, { results, errors }: { results?: boolean; errors?: boolean }): boolean =>
  (state === 'succeeded' && results === true) || (state === 'failed' && errors === true)

/**
 * By job; undefined where they are more than any summary holds. A receipt that came after its attempt was cancelled is
 * not how the job ended.
 */
async function lastReceipts(
  { store }: Deps,
  jobs: readonly MemberJob[],
): Promise<Map<string, ReceiptDocument> | undefined> {
  const last = new Map<string, ReceiptDocument>()
  if (jobs.length === 0) return last
  const late = new Set(
    jobs.flatMap(({ _id, cancelledAttempts = [] }) => cancelledAttempts.map(({ claim }) => receiptId(_id, claim))),
  )
  const status = new Map(jobs.map(({ _id, state }) => [_id, state === 'failed' ? 'failure' : 'success']))
  let length = 0
  const ids = jobs.map(({ _id }) => _id)
  await store.receipts.eachOfJobs(ids, (receipt) => {
    const id = jobOfReceipt(receipt)
    const known = last.get(id)
    if (late.has(receipt._id) || receipt.status !== status.get(id)) return true
    if (known && known.finishedAt > receipt.finishedAt) return true
    last.set(id, receipt)
    length += resultLength(receipt) - (known ? resultLength(known) : 0)
    return length <= maxPageLength
  })
  return length <= maxPageLength ? last : undefined
}

function detailOf({ state }: GroupMember, { result, resultMeta, error }: ReceiptDocument): Partial<GroupMember> {
  if (state === 'failed') {
    if (!error) return {}
    const { name, message, code } = error
    return { error: { name, message, ...(code === undefined ? {} : { code }) } }
  }
  return result === undefined ? {} : carried(result, resultMeta)
}

/** One result that cannot be carried must not keep the callback of its group from being made. */
function carried(json: string, meta: string | undefined): Pick<GroupMember, 'result' | 'resultProblem'> {
  if (isTooDeep({ json, ...(meta === undefined ? {} : { meta }) })) return { resultProblem: `It is ${tooDeep()}.` }
  const result = restored(json, meta)
  try {
    encodePayload(result)
    return { result }
  } catch {
    // of a function in another language
    return { resultProblem: 'It holds a name that superjson refuses, such as `constructor`.' }
  }
}

/** As `run` returned it. */
function restored(json: string, meta: string | undefined): unknown {
  const result: unknown = JSON.parse(json)
  try {
    return restorePayload(result, meta === undefined ? undefined : JSON.parse(meta))
  } catch {
    // a function in another language may post a meta that does not fit
    return JSON.parse(json)
  }
}

/** About how much it takes in a request. */
function sizeOf(value: unknown): number {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? String(item) : item)).length + 1
}
