/**
 * Ids that callers give: the same id is the same job, however often it is asked for, so an answer that was lost may be
 * asked for again. It is remembered as long as the job, and for an hour at least.
 *
 * An id of version 7 begins with its time. Where that is about now, the id is the job's own, and the unique index on ids
 * does all. One that is ahead by up to an hour is too: its job stands behind all that come until then. An older one
 * would stand before others in line, and one of another version says no time: a small ledger says which job such an id
 * has (server/store/origins).
 *
 *   its age         -1 h        0       60 s       80 s
 *   the job's id     ├── the given one ──────────────┤ another, by the ledger; or the given one, where a job has it
 *   the ledger     asked               ├── asked ─────
 *
 * A request may be under way for fifteen seconds. So those that are between 60 and 80 seconds old stand in the ledger
 * under their own id: a first try that is still being written and a later one meet under one id or the other.
 */
import type { Enqueued } from '../../core/views/answers.gen.js'
import { ErrandError } from '../../core/errors.js'
import type { Deps } from '../deps.js'
import { timeOfId } from '../ids.js'
import { repeat } from '../repeatedWrite.js'
import type { JobDocument } from '../store/documents.js'

const ownMs = 60_000
const ownByLedgerMs = 80_000
/** How long an id is remembered at least. */
export const rememberedMs = 3_600_000

/** One that is further ahead is about now only when it is remembered no more. */
const mostAheadMs = rememberedMs + ownMs

/** The id of the job for an id of its caller; a promise where the ledger is asked. */
export function jobIdFor(deps: Deps, id: string, now: Date): string | Promise<string> {
  // not a number for ids of other versions
  const ageMs = now.getTime() - timeOfId(id).getTime()
  return ageMs < ownMs && ageMs >= -mostAheadMs ? id : askLedger(deps, id, now, ageMs)
}

async function askLedger(deps: Deps, id: string, now: Date, ageMs: number): Promise<string> {
  if (ageMs >= ownByLedgerMs && (await deps.store.jobs.brief(id))) return id
  const job = ageMs >= ownMs && ageMs < ownByLedgerMs ? id : deps.newId()
  const expireAt = new Date(now.getTime() + rememberedMs)
  return repeat(deps, () => deps.store.origins.claim(id, job, expireAt))
}

/**
 * The job that an earlier request made under the same id. Throws `BAD_REQUEST` where it is of another worker, and
 * `UNAVAILABLE` while it is not known whether it stays.
 */
export async function madeUnderId(
  deps: Deps,
  { _id: id, worker, givenId }: Pick<JobDocument, '_id' | 'worker' | 'givenId'>,
): Promise<Enqueued | undefined> {
  const made = givenId && (await deps.store.jobs.brief(id))
  if (!made) return undefined
  if (made.worker !== worker) throw ofAnotherWorker()
  if (made.atomicRequest !== undefined) throw beingWritten()
  return { id, state: made.state, runAt: made.runAt, existing: true }
}

export const beingWritten = (): ErrandError =>
  new ErrandError('UNAVAILABLE', 'Jobs with these ids are just being written by another request. Try again.', {
    details: { retryAfter: 1 },
  })

const ofAnotherWorker = (): ErrandError => idProblem('is that of a job of another worker. Give each job its own')

const idProblem = (problem: string): ErrandError =>
  new ErrandError('BAD_REQUEST', `\`id\` ${problem}.`, {
    issues: [{ path: ['id'], code: 'invalid_id', message: problem }],
  })

/** A job that is final is kept for as long as its id must be known. */
export const keptForId = ({ givenId, createdAt }: Pick<JobDocument, 'givenId' | 'createdAt'>, now: Date): number =>
  givenId ? createdAt.getTime() + rememberedMs - now.getTime() : 0
