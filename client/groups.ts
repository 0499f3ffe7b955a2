/**
 * Groups: they are made in one request, and waited for by long polls, each held open by the coordinator until the group
 * is over.
 */
import type { GroupEnd as GroupEndView } from '../core/views/answers.gen.js'
import { longestWaitMs } from '../core/limits.js'
import type { Clock } from '../core/time/clock.js'
import { durationProblem, parseDuration, type Duration } from '../core/time/duration.js'
import { encodeArgs, encodeJob } from '../core/job/encodeJob.js'
import { ErrandError } from '../core/errors.js'
import type { CallbackRequest } from '../core/requests/groups.js'
import { passingProblems, type GroupPolicy } from '../core/views/groupTypes.js'
import { checkOneRequest, refusedAt, type AnyItem } from './enqueue.js'
import type { Ends } from './subscriptions.js'
import { dated } from './dated.js'
import { GroupTimeoutError, JobFailedError } from './errors.js'
import type { GroupEnd, GroupHandle, GroupJobsOptions, GroupReference } from './groupTypes.js'
import { jobReference } from './receipt.js'
import type { Transport } from './transport.js'
import { jobSummary } from './view.js'
import { isPassing } from './wireError.js'
import type { Receipt, WaitOptions } from './jobTypes.js'

export interface GroupingDeps {
  transport: Transport
  ends: Ends
  clock: Clock
  random: () => number
}

type AnyCallback = string | { worker: string; args?: object | undefined; priority?: number | undefined }
interface AnyGroupOptions {
  then?: AnyCallback | undefined
  policy?: GroupPolicy | undefined
}
type AnyGroupItem = AnyItem | ({ group: readonly AnyGroupItem[] } & AnyGroupOptions)

/** `group` and `groups` of a client, without the types that follow each item. */
export function createGrouping(deps: GroupingDeps) {
  const { call } = deps.transport
  const get = async (id: string) => dated(await call((router, options) => router.groups.get.query({ id }, options)))
  const jobs = async (id: string, filter: GroupJobsOptions = {}) => {
    const page = await call((router, options) => router.groups.jobs.query({ id, ...filter }, options))
    return { jobs: page.jobs.map(jobSummary), cursor: page.cursor }
  }
  const cancel = (id: string) => call((router, options) => router.groups.cancel.mutate({ id }, options))
  const retry = (id: string) => call((router, options) => router.groups.retry.mutate({ id }, options))

  const reference = (id: string): GroupReference<unknown> => {
    return {
      id,
      get: () => get(id),
      jobs: (options) => jobs(id, options),
      cancel: () => cancel(id),
      retry: () => retry(id),
      end: (options) => endOf(deps, id, options),
      receipt: async (options) => (await receiptOfCallback(deps, id, options)).receipt,
      async result(options) {
        const end = await receiptOfCallback(deps, id, options)
        if (end.receipt.status !== 'success') throw new JobFailedError(end.id, end.receipt)
        return end.receipt.result
      },
    }
  }

  return {
    async group(items: readonly AnyGroupItem[], { then, policy }: AnyGroupOptions = {}): Promise<GroupHandle<unknown>> {
      const encoded = encodeItems(items, ['jobs'])
      const callback = encodeCallback(then, ['then'])
      checkOneRequest(encoded.count, encoded.size + callback.size)
      const request = { jobs: encoded.items, then: callback.then, policy }
      const { id, total } = await call((router, options) => router.group.mutate(request, options))
      return { ...reference(id), total }
    },
    groups: { of: reference, get, jobs, cancel, retry },
  }
}

type Path = (string | number)[]

interface EncodedItems {
  items: unknown[]
  /** Jobs and nested groups. */
  count: number
  /** About how many characters they take in a request. */
  size: number
}

/** Throws `ATOMIC_REFUSED` for an item that cannot be sent. */
function encodeItems(items: readonly AnyGroupItem[], path: Path): EncodedItems {
  const encoded: EncodedItems = { items: [], count: 0, size: 0 }
  const add = (item: unknown, count: number, size: number) => {
    encoded.items.push(item)
    encoded.count += count
    encoded.size += size
  }
  for (const [index, item] of items.entries()) {
    const at = [...path, index]
    if ('group' in item && item.group !== undefined) {
      const { then, policy } = item
      const inner = encodeItems(item.group, [...at, 'group'])
      const callback = encodeCallback(then, [...at, 'then'])
      add({ group: inner.items, then: callback.then, policy }, inner.count + 1, inner.size + callback.size)
      continue
    }
    const { worker, args, ...options } = item as AnyItem
    const { request, size } = encoding(at, () => encodeJob(worker, args, options))
    add(request, 1, size)
  }
  return encoded
}

function encodeCallback(
  then: AnyCallback | undefined,
  path: Path,
): { then: CallbackRequest | undefined; size: number } {
  if (then === undefined || typeof then === 'string') return { then, size: 200 }
  const { worker, args, priority } = then
  const { size, ...encoded } = encoding(path, () => encodeArgs(worker, args))
  return { then: { worker, ...encoded, priority }, size: size + 200 }
}

function encoding<Encoded>(path: Path, encode: () => Encoded): Encoded {
  try {
    return encode()
  } catch (error) {
    throw refusedAt(path, error)
  }
}

/** How much later than the caller's timeout an answer may still come in. */
const graceMs = 5_000
const firstPauseMs = 250
const longestPauseMs = 5_000

/** Throws `GroupTimeoutError`, `GROUP_STUCK`, and errors that asking again cannot help with. */
async function endOf(deps: GroupingDeps, id: string, { timeout = '5m', signal }: WaitOptions = {}): Promise<GroupEnd> {
  const { clock, random } = deps
  const nowMs = () => clock.now().getTime()
  const end = nowMs() + timeoutMsOf(timeout)
  let pauseMs = firstPauseMs
  for (;;) {
    const askedAt = nowMs()
    const pollMs = Math.min(Math.max(0, end - askedAt), longestWaitMs)
    const answer = await poll(deps, id, pollMs, signal)
    const over = answer instanceof ErrandError ? undefined : endIn(answer)
    if (over) return over
    if (nowMs() >= end) throw new GroupTimeoutError(id, timeout, answer instanceof ErrandError ? answer : undefined)
    if (nowMs() - askedAt >= pollMs) {
      pauseMs = firstPauseMs
      continue
    }
    // no answer, or one at once: another coordinator may have taken its place in a moment
    await clock.sleep(Math.min(pauseMs * (0.5 + random() / 2), end - nowMs()), signal)
    signal?.throwIfAborted()
    pauseMs = Math.min(pauseMs * 2, longestPauseMs)
  }
}

function timeoutMsOf(timeout: Duration): number {
  const timeoutMs = parseDuration(timeout)
  if (timeoutMs === undefined) throw new ErrandError('INVALID_TIME', durationProblem(timeout))
  return timeoutMs
}

/** The group at the end of one poll, or why the coordinator gave no answer. */
async function poll(
  { transport }: GroupingDeps,
  id: string,
  pollMs: number,
  signal: AbortSignal | undefined,
): Promise<GroupEndView | ErrandError> {
  try {
    return await transport.call(
      (router, options) => router.groups.wait.query({ id, timeoutMs: Math.ceil(pollMs) }, options),
      { timeoutMs: pollMs + Math.max(graceMs, transport.timeoutMs), signal },
    )
  } catch (error) {
    if (error instanceof ErrandError && isPassing(error)) return error
    throw error
  }
}

function endIn({ id, state, closedAt, then, problem }: GroupEndView): GroupEnd | undefined {
  if (state === 'closed' || state === 'cancelled') {
    return { id, state, closedAt: new Date(closedAt!), ...(then === undefined ? {} : { then }) }
  }
  if (!problem || passingProblems.includes(problem.code)) return undefined
  throw new ErrandError(
    'GROUP_STUCK',
    `Group ${id} is over, and its callback cannot be made. ${problem.message} Mend that, and retry the group.`,
    { ...(problem.issues === undefined ? {} : { issues: problem.issues }), details: { id, problem: problem.code } },
  )
}

/** The receipt of the callback, and its id; of a group that was cancelled, its own. */
async function receiptOfCallback(
  deps: GroupingDeps,
  id: string,
  { timeout = '5m', signal }: WaitOptions = {},
): Promise<{ id: string; receipt: Receipt<unknown> }> {
  const overAt = deps.clock.now().getTime() + timeoutMsOf(timeout)
  const { state, closedAt, then } = await endOf(deps, id, { timeout, signal })
  if (state === 'cancelled') return { id, receipt: { status: 'cancelled', finishedAt: closedAt } }
  if (then?.jobId === undefined) {
    throw new ErrandError('WRONG_STATE', `Group ${id} has no callback, and so no receipt. Wait for it with \`end()\`.`)
  }
  const leftMs = Math.max(0, overAt - deps.clock.now().getTime())
  const job = jobReference(deps, then.jobId)
  return { id: job.id, receipt: await job.receipt({ timeout: `${leftMs}ms`, signal }) }
}
