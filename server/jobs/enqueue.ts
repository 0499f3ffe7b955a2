/** Enqueue: a request becomes a job. Its args are checked by the worker's own schema (server/jobs/checkArgs). */
import type { Enqueued } from '../../core/views/answers.gen.js'
import type { Contract, UniqueRule } from '../../core/job/contract.js'
import { isKey, maxKeyLength } from '../../core/job/names.js'
import { durationMs } from '../../core/time/duration.js'
import { ErrandError } from '../../core/errors.js'
import { versionField } from '../../core/job/migrate.js'
import type { ParsedUniqueRequest } from '../../core/requests/unique.js'
import type { ParsedEnqueueRequest } from '../../core/requests/wire.js'
import { checkWorker, type Asker } from '../access/auth.js'
import { checkArgs, type CheckedArgs } from './checkArgs.js'
import type { Deps, WriteLane } from '../deps.js'
import type { JobDocument } from '../store/documents.js'
import { readMoment } from '../../core/time/requestMoment.js'
import { jobIdFor, madeUnderId } from './givenId.js'
import { slotKeyOf } from '../flowControl/slots.js'
import { keyFields, settleConflict, uniqueRuleOf } from '../flowControl/unique.js'

export interface EnqueueWays {
  lane?: WriteLane
  /** How many issues are told of args that do not fit. Default 100. */
  mostIssues?: number
}

/**
 * Throws `FORBIDDEN`, `UNKNOWN_WORKER`, `INVALID_ARGS`, `PAYLOAD_TOO_LARGE`, `INVALID_TIME`, and `KEY_TAKEN` with the
 * id of the job that holds the key. Once it has answered, the job is in the journal.
 */
export async function enqueue(
  deps: Deps,
  request: ParsedEnqueueRequest,
  asker: Asker,
  { lane, mostIssues }: EnqueueWays = {},
): Promise<Enqueued> {
  const { job, rule } = await prepare(deps, request, asker, mostIssues)
  return insert(deps, rule, job, lane)
}

export interface PreparedJob {
  job: JobDocument
  /** Applies where its key is taken. */
  rule: UniqueRule
}

/** The job that a request asks for, checked and not yet stored. Throws as `enqueue` does, but for `KEY_TAKEN`. */
export async function prepare(
  deps: Deps,
  request: ParsedEnqueueRequest,
  asker: Asker,
  mostIssues?: number,
): Promise<PreparedJob> {
  // before the worker is looked up, whose nearest name is in the error
  checkWorker(asker, request.worker)
  const contract = await deps.contracts.get(request.worker)
  const args = await checkArgs(contract, request, { maxBytes: deps.maxJobBytes, mostIssues })
  const now = deps.clock.now()
  const runAt = startTime(request, now)
  // nearly always at hand: each wait costs as much as the rest of this
  const id = request.id === undefined ? deps.newId() : jobIdFor(deps, request.id, now)
  const job = newJob(contract, {
    id: typeof id === 'string' ? id : await id,
    givenId: request.id !== undefined,
    args,
    runAt,
    now,
    priority: request.priority,
    key: request.unique?.key ?? request.key,
    unique: request.unique,
  })
  return { job, rule: uniqueRuleOf(contract, request.unique) }
}

function startTime(request: ParsedEnqueueRequest, now: Date): Date {
  const at = request.runAt === undefined ? undefined : readMoment(request.runAt, request.timezone)
  const delayed = request.delay === undefined ? undefined : new Date(now.getTime() + durationMs(request.delay))
  const runAt = at ?? delayed ?? now
  return runAt < now ? now : runAt
}

export interface NewJob {
  id: string
  /** Its caller gave one. */
  givenId?: boolean
  args: CheckedArgs
  runAt: Date
  now: Date
  priority?: number | undefined
  key?: string | undefined
  /** Of this job alone, beside its key. */
  unique?: ParsedUniqueRequest | undefined
  scheduleId?: string | undefined
}

export function newJob(contract: Contract, job: NewJob): JobDocument {
  const { id, args, runAt, now, priority, unique, scheduleId, givenId } = job
  const { worker, throttle, concurrency } = contract
  const throttleKey = throttle?.key && callKey(worker, 'throttle.key', throttle.key, args.output)
  const slotKey =
    concurrency &&
    slotKeyOf(worker, concurrency.key && callKey(worker, 'concurrency.key', concurrency.key, args.output))
  const key = job.key ?? (contract.unique && callKey(worker, 'unique.key', contract.unique.key, args.output))
  if (unique && key === undefined) throw keyMissing(worker)
  return {
    _id: id,
    worker,
    args: args.json,
    ...(args.meta === undefined ? {} : { argsMeta: args.meta }),
    ...versionField(args.version),
    state: runAt > now ? 'scheduled' : 'queued',
    priority: priority ?? contract.priority,
    runAt,
    createdAt: now,
    attempt: 0,
    maxAttempts: contract.maxAttempts,
    ...(throttleKey === undefined ? {} : { throttleKey }),
    ...(slotKey === undefined ? {} : { slotKey }),
    ...(key === undefined ? {} : keyFields(worker, key, uniqueRuleOf(contract, unique), now)),
    ...(scheduleId === undefined ? {} : { scheduleId }),
    ...(givenId ? { givenId: true as const } : {}),
    ...deploymentFields(contract),
  }
}

const deploymentFields = ({ deployment, pinned }: Contract): Pick<JobDocument, 'deployment' | 'pinned'> =>
  deployment === undefined ? {} : { deployment, ...(pinned ? { pinned } : {}) }

function callKey(worker: string, option: string, keyOf: (args: unknown) => unknown, args: unknown): string {
  try {
    const key = keyOf(args)
    if (isKey(key)) return key
  } catch {
    // what it threw may hold args; the sentence below names the function, and the author can call it
  }
  throw new ErrandError(
    'BAD_WORKER',
    `${option} of ${worker} gave no key for these args. It must return a text of at most ${maxKeyLength} characters.`,
  )
}

const keyMissing = (worker: string): ErrandError =>
  new ErrandError('BAD_REQUEST', `${worker} has no unique.key of its own, so \`unique\` needs a \`key\`.`, {
    issues: [{ path: ['unique', 'key'], code: 'missing_key', message: 'is missing' }],
  })

/** The job that a call inside its parent has made already, in this attempt or an earlier one. */
export async function madeBefore(
  deps: Deps,
  { parent, call }: Pick<JobDocument, 'parent' | 'call'>,
): Promise<Enqueued | undefined> {
  const made = parent !== undefined && call !== undefined && (await deps.store.jobs.ofCall(parent, call))
  return made ? { id: made._id, state: made.state, runAt: made.runAt, existing: true } : undefined
}

/**
 * Answers once the job is in the journal. A job that is there under its id already was made by another coordinator,
 * which is as good, or by an earlier request with the id.
 */
export async function insert(deps: Deps, unique: UniqueRule, job: JobDocument, lane?: WriteLane): Promise<Enqueued> {
  let outcome = await deps.writes.insertJob(job, lane)
  while (outcome === 'keyTaken' || outcome === 'sameCall' || (outcome === 'sameId' && job.givenId)) {
    // a job may well hold the key that its own call, or its own id, asks for again
    let settled = (await madeBefore(deps, job)) ?? (await madeUnderId(deps, job))
    if (!settled && outcome === 'keyTaken') settled = await settleConflict(deps, unique, job)
    if (settled) return settled
    outcome = await deps.writes.insertJob(job, lane)
  }
  if (job.state === 'scheduled') deps.events.emit('scheduled', job.runAt)
  else if (outcome !== 'started') deps.events.emit('queued', undefined)
  deps.metrics.enqueued(job.worker)
  return { id: job._id, state: job.state, runAt: job.runAt }
}
