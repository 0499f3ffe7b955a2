/** Enqueue: a request becomes a job. Args are checked by the worker's own schema, and stored as they came, for the function to parse again. */
import { safeParseAsync } from 'zod/v4/core'
import { isKey, maxKeyLength, type Contract, type UniqueRule } from '../core/contract.js'
import { durationMs } from '../core/duration.js'
import { ErrandError, type Issue } from '../core/errors.js'
import { aheadMessage, isAhead, migrated, versionField } from '../core/migrate.js'
import { restorePayload } from '../core/payload.js'
import { redactedPlaces, redactedText } from '../core/redact.js'
import { readRedactPath } from '../core/redactPath.js'
import { formatBytes, isLargerThan } from '../core/size.js'
import type { JobState } from '../core/states.js'
import type { ParsedUniqueRequest } from '../core/unique.js'
import type { ParsedEnqueueRequest } from '../core/wire.js'
import { checkWorker, type Asker } from './auth.js'
import type { Deps } from './deps.js'
import type { JobDocument } from './store/documents.js'
import { readMoment } from './time.js'
import { keyFields, settleConflict, uniqueRuleOf } from './unique.js'
import type { WriteLane } from './writeTurns.js'

export interface Enqueued {
  id: string
  state: JobState
  runAt: Date
  /** The job was there before: it holds the key of the one that was asked for. */
  existing?: true
}

/**
 * Throws `FORBIDDEN`, `UNKNOWN_WORKER`, `INVALID_ARGS`, `INVALID_TIME`, and `KEY_TAKEN` with the id of the job that holds the key.
 * Once it has answered, the job is in the journal.
 */
export async function enqueue(
  deps: Deps,
  request: ParsedEnqueueRequest,
  asker: Asker,
  lane?: WriteLane,
): Promise<Enqueued> {
  const { job, rule } = await prepare(deps, request, asker)
  return insert(deps, rule, job, lane)
}

export interface PreparedJob {
  job: JobDocument
  /** What becomes of it where its key is held. */
  rule: UniqueRule
}

/** The job that a request asks for, checked and not yet stored. Throws as `enqueue` does, but for `KEY_TAKEN`. */
export async function prepare(deps: Deps, request: ParsedEnqueueRequest, asker: Asker): Promise<PreparedJob> {
  // before the worker is looked up, whose nearest name is in the error
  checkWorker(asker, request.worker)
  const contract = await deps.contracts.get(request.worker)
  const args = await checkArgs(contract, request.args, request.argsMeta)
  const now = deps.clock.now()
  const runAt = startTime(request, now)
  const job = newJob(contract, {
    id: deps.newId(),
    args,
    runAt,
    now,
    priority: request.priority,
    key: request.unique?.key ?? request.key,
    unique: request.unique,
  })
  return { job, rule: uniqueRuleOf(contract, request.unique) }
}

export interface CheckedArgs {
  json: string
  meta: string | undefined
  /** Of the contract that took them. */
  version: number
  /** What the key functions get. */
  output: unknown
}

/**
 * Throws `INVALID_ARGS` with an issue for each thing that does not fit, and where. Args that were taken before, by a contract of `version`, are
 * checked as they are after `migrate`, and kept as they came: the function that gets them migrates them too. Throws `VERSION_AHEAD`
 * where they are newer than the contract, and `PAYLOAD_TOO_LARGE` by the worker's own limit. `redact` are paths beside the worker's own, where
 * nobody may give what is shown in the place of a value.
 */
export async function checkArgs(
  contract: Contract,
  args: unknown,
  argsMeta: unknown,
  version = contract.version,
  redact: readonly string[] = [],
): Promise<CheckedArgs> {
  const json = JSON.stringify(args)
  const meta = argsMeta === undefined ? undefined : JSON.stringify(argsMeta)
  checkSize(contract, json, meta)
  const restored = restoreArgs(contract.worker, args, argsMeta)
  refuseRedacted(contract, restored, redact)
  const current = version === contract.version ? restored : await migrateArgs(contract, restored, version)
  const parsed = await safeParseAsync(contract.args, current)
  if (parsed.success) return { json, meta, version, output: parsed.data }
  const issues = parsed.error.issues.map(({ path, code, message }): Issue => ({
    path: path.map((key) => (typeof key === 'symbol' ? String(key) : key)),
    code,
    message,
  }))
  const list = issues
    .slice(0, 3)
    .map(({ path, message }) => `${path.length === 0 ? 'args' : path.join('.')}: ${message}`)
  const rest = issues.length > 3 ? ` And ${issues.length - 3} more.` : ''
  throw new ErrandError('INVALID_ARGS', `The args do not fit ${contract.worker}. ${list.join('. ')}.${rest}`, {
    issues,
  })
}

/** Whoever copies args from a job that is shown would run the next one with what stands in the place of its secrets. */
function refuseRedacted({ worker, redact }: Contract, args: unknown, more: readonly string[]): void {
  const paths = [...redact, ...more.map(readRedactPath)]
  const places = paths.length === 0 ? [] : redactedPlaces(args, paths)
  if (places.length === 0) return
  const named = places.slice(0, 3).map((place) => place.join('.'))
  throw new ErrandError(
    'INVALID_ARGS',
    `The args of ${worker} hold ${redactedText} for what is not shown: ${named.join(', ')}. Give the values themselves; a replay without args has them.`,
    {
      issues: places.map((path) => ({ path, code: 'redacted', message: `is ${redactedText}, which is not the value` })),
    },
  )
}

function checkSize({ worker, maxArgsBytes }: Contract, json: string, meta = ''): void {
  if (maxArgsBytes === undefined || !isLargerThan(maxArgsBytes, json + meta)) return
  throw new ErrandError(
    'PAYLOAD_TOO_LARGE',
    `The args are larger than ${worker} takes (${formatBytes(maxArgsBytes)}, by its limits.args). Store what is large elsewhere and pass where.`,
  )
}

async function migrateArgs(contract: Contract, args: unknown, version: number): Promise<unknown> {
  if (isAhead(contract, version)) {
    throw new ErrandError('VERSION_AHEAD', aheadMessage(contract.worker, contract, version))
  }
  try {
    return await migrated(contract, args, version)
  } catch {
    // what it threw may hold args
    throw new ErrandError('INVALID_ARGS', `migrate of ${contract.worker} threw on args of version ${version}.`, {
      issues: [{ path: [], code: 'migrate_threw', message: 'cannot be migrated' }],
    })
  }
}

function restoreArgs(worker: string, args: unknown, argsMeta: unknown): unknown {
  if (argsMeta === undefined) return args
  try {
    // superjson restores in place; the args are still needed as they came
    return restorePayload(structuredClone(args), argsMeta)
  } catch {
    throw new ErrandError(
      'INVALID_ARGS',
      `The argsMeta do not fit the args of ${worker}. Leave them out, or send what superjson made.`,
      {
        issues: [{ path: ['argsMeta'], code: 'invalid_meta', message: 'does not fit the args' }],
      },
    )
  }
}

function startTime(request: ParsedEnqueueRequest, now: Date): Date {
  const at = request.runAt === undefined ? undefined : readMoment(request.runAt, request.timezone)
  const delayed = request.delay === undefined ? undefined : new Date(now.getTime() + durationMs(request.delay))
  const runAt = at ?? delayed ?? now
  return runAt < now ? now : runAt
}

export interface NewJob {
  id: string
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
  const { id, args, runAt, now, priority, unique, scheduleId } = job
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
    ...deploymentFields(contract),
  }
}

const deploymentFields = ({ deployment, pinned }: Contract): Pick<JobDocument, 'deployment' | 'pinned'> =>
  deployment === undefined ? {} : { deployment, ...(pinned ? { pinned } : {}) }

export const slotKeyOf = (worker: string, key: string | undefined): string => `${worker}\n${key ?? ''}`

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

/** Answers once the job is in the journal. A job that is there under its id already was made by another coordinator, which is as good. */
export async function insert(deps: Deps, unique: UniqueRule, job: JobDocument, lane?: WriteLane): Promise<Enqueued> {
  let outcome = await deps.writes.insertJob(job, lane)
  while (outcome === 'keyTaken' || outcome === 'sameCall') {
    // a job may well hold the key that its own call asks for again
    let settled = await madeBefore(deps, job)
    if (!settled && outcome === 'keyTaken') settled = await settleConflict(deps, unique, job)
    if (settled) return settled
    outcome = await deps.writes.insertJob(job, lane)
  }
  if (job.state === 'scheduled') deps.events.emit('scheduled', job.runAt)
  else if (outcome !== 'started') deps.events.emit('queued', undefined)
  deps.metrics.enqueued(job.worker)
  return { id: job._id, state: job.state, runAt: job.runAt }
}
