/**
 * Unique: one job of a key. The key is a field under a unique index, there for as long as the key is taken, so of many
 * that come at once the database lets one in. This file decides about the others.
 */
import type { Enqueued } from '../../core/views/answers.gen.js'
import type { Contract, UniqueRule } from '../../core/job/contract.js'
import { parseDuration } from '../../core/time/duration.js'
import { ErrandError } from '../../core/errors.js'
import type { ParsedUniqueRequest } from '../../core/requests/unique.js'
import type { Deps } from '../deps.js'
import { repeat, repeated } from '../repeatedWrite.js'
import type { JobDocument } from '../store/documents.js'

export const uniqueKeyOf = (worker: string, key: string): string => `${worker}\n${key}`

type KeyFields = Pick<JobDocument, 'key' | 'uniqueKey' | 'uniqueUntil' | 'uniqueUntilStart'>

const defaultMaxWaitMs = 3_600_000

/** The rule of one job's own `unique`, else its worker's, else the default. */
export function uniqueRuleOf(contract: Contract | undefined, own?: ParsedUniqueRequest): UniqueRule {
  const policy = contract?.unique
  const { until } = own ?? {}
  return {
    until: until === 'started' || until === 'finished' ? until : (parseDuration(until) ?? policy?.until ?? 'finished'),
    // a bare key that a caller gives to a worker without a policy is a promise that this is the only one
    onConflict: own?.onConflict ?? policy?.onConflict ?? (own ? 'return' : 'reject'),
    maxWaitMs: parseDuration(own?.maxWait) ?? policy?.maxWaitMs ?? defaultMaxWaitMs,
  }
}

export function keyFields(worker: string, key: string, { until }: UniqueRule, now: Date): KeyFields {
  return {
    key,
    uniqueKey: uniqueKeyOf(worker, key),
    ...(until === 'started' ? { uniqueUntilStart: true } : {}),
    ...(typeof until === 'number' ? { uniqueUntil: new Date(now.getTime() + until) } : {}),
  }
}

/**
 * Answers with the job that takes the new one's place, or `undefined` where the key has fallen free. Throws
 * `KEY_TAKEN`.
 */
export async function settleConflict(
  deps: Deps,
  { onConflict, maxWaitMs }: UniqueRule,
  job: JobDocument,
): Promise<Enqueued | undefined> {
  const owner = await deps.store.jobs.ownerOf(job.uniqueKey!)
  if (!owner || (await ownsNoLonger(deps, owner))) return undefined
  // it may yet be undone with its request, so no caller can be told that it is their job
  if (owner.atomicRequest !== undefined) throw keyTaken(owner)
  switch (onConflict) {
    case 'return':
      return { id: owner._id, state: owner.state, runAt: owner.runAt, existing: true }
    case 'replace':
      return moveOwner(deps, owner, job, job.runAt)
    case 'debounce': {
      const latest = new Date(owner.createdAt.getTime() + maxWaitMs)
      return moveOwner(deps, owner, job, job.runAt < latest ? job.runAt : latest)
    }
    case 'reject':
      throw keyTaken(owner)
  }
}

/** Sets a key free whose time is over, and answers whether it was. */
export async function ownsNoLonger(deps: Deps, owner: JobDocument): Promise<boolean> {
  if (!owner.uniqueUntil || owner.uniqueUntil > deps.clock.now()) return false
  await deps.store.jobs.releaseKeys([owner._id], { uniqueUntil: owner.uniqueUntil })
  return true
}

/**
 * Gives the owner the new job's args and time, if it has not started; looks again where its state changed in between.
 */
async function moveOwner(deps: Deps, owner: JobDocument, job: JobDocument, at: Date): Promise<Enqueued | undefined> {
  if (owner.state === 'running' || owner.finishedAt) throw keyTaken(owner)
  const now = deps.clock.now()
  const runAt = at < now ? now : at
  const state = runAt > now ? 'scheduled' : 'queued'
  const { args, argsMeta, argsVersion, priority, throttleKey, slotKey } = job
  const replacedBy = job._id
  const change = { args, argsMeta, argsVersion, priority, throttleKey, slotKey, runAt, state, replacedBy } as const
  const { jobs } = deps.store
  // where its answer was lost it is made again: the same args at the same time
  const { outcome, lost } = await repeated(deps, () => jobs.replaceWaiting(owner, change))
  if (!outcome) {
    // the lost one may have counted, and the job have started since; a second job would run the same args again
    const replaced = lost === undefined ? null : await repeat(deps, () => jobs.replacedBy(owner._id, replacedBy))
    return replaced ? { id: owner._id, state: replaced.state, runAt: replaced.runAt, existing: true } : undefined
  }
  if (state === 'queued') deps.events.emit('queued', undefined)
  else deps.events.emit('scheduled', runAt)
  return { id: owner._id, state, runAt, existing: true }
}

const keyTaken = (owner: JobDocument): ErrandError =>
  new ErrandError('KEY_TAKEN', `The key is taken by job ${owner._id}, which is ${owner.state}.`, {
    details: { id: owner._id },
  })
