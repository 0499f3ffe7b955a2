/**
 * Replay: a new job made from one that is final, with its args as they were or with others. The old one stays as it is.
 * Args are checked by the schema of today, in both cases: the function of today gets them.
 *
 * The new job has the old one's worker, priority and key; its limits and attempts are those of the worker's policies of
 * today. It is due now. Where its key is held by another job that job is not touched, under any `onConflict` of the
 * worker: an operator who wants this work done again must know. Where the old job itself still holds the key, because
 * it holds it for a time, the new one takes it over.
 */
import type { Replayed } from '../../core/views/answers.gen.js'
import { ErrandError } from '../../core/errors.js'
import type { ReplayRequest } from '../../core/requests/bulk.js'
import { firstVersion } from '../../core/job/migrate.js'
import { isFinal } from '../../core/states.js'
import type { Deps, WriteLane } from '../deps.js'
import { checkArgs, storedArgs } from '../jobs/checkArgs.js'
import { newJob } from '../jobs/enqueue.js'
import { wasErased } from './jobActions.js'
import { unknownJob } from '../jobs/receive.js'
import type { JobDocument } from '../store/documents.js'
import { sameRevision } from '../store/revision.js'

/**
 * Throws `UNKNOWN_JOB`, `WRONG_STATE` for a job that is not final, `UNKNOWN_WORKER`, `INVALID_ARGS`, `VERSION_AHEAD`,
 * `KEY_TAKEN`.
 */
export async function replayJob(deps: Deps, id: string, request: ReplayRequest = {}): Promise<Replayed> {
  const job = await deps.store.jobs.find(id)
  if (!job) throw unknownJob(id)
  return replay(deps, job, deps.newId(), request)
}

/** The same with the new job's id. One that is there already was made by an earlier call, which is as good. */
export async function replay(
  deps: Deps,
  job: JobDocument,
  id: string,
  request: ReplayRequest = {},
  lane?: WriteLane,
): Promise<Replayed> {
  if (!isFinal(job.state)) {
    throw new ErrandError('WRONG_STATE', `Job ${job._id} is ${job.state}; only a job that is final can be replayed.`, {
      details: { id: job._id, state: job.state },
    })
  }
  if (job.erased && request.args === undefined) throw wasErased(job._id)
  const made = await replayOf(deps, job, id, request)
  const outcome = await insertReplay(deps, job, made, lane)
  if (outcome !== 'started') deps.events.emit('queued', undefined)
  deps.metrics.enqueued(made.worker)
  return { id, state: made.state, runAt: made.runAt, replayOf: job._id }
}

async function replayOf(deps: Deps, job: JobDocument, id: string, { args, argsMeta }: ReplayRequest) {
  const contract = await deps.contracts.get(job.worker)
  const now = deps.clock.now()
  const checked =
    args === undefined
      ? await checkArgs(contract, storedArgs(job), { version: job.argsVersion ?? firstVersion, isPutTogether: true })
      : await checkArgs(contract, { args, argsMeta }, { redact: job.redact, maxBytes: deps.maxJobBytes })
  // other args make another key, where it is made of them
  const key = args !== undefined && contract.unique ? undefined : job.key
  return {
    ...newJob(contract, { id, args: checked, runAt: now, now, priority: job.priority, key }),
    ...(job.redact === undefined ? {} : { redact: job.redact }),
    replayOf: job._id,
  }
}

/** An owner that ends meanwhile leaves the key to others, too; after so many lost races it always has an owner. */
const maxRounds = 5

async function insertReplay(deps: Deps, original: JobDocument, made: JobDocument, lane?: WriteLane) {
  for (let round = 1; ; round++) {
    const outcome = await deps.writes.insertJob(made, lane)
    if (outcome !== 'keyTaken') return outcome
    const owner = await deps.store.jobs.ownerOf(made.uniqueKey!)
    if (owner?._id === made._id) return 'sameId'
    const isOver = owner?.uniqueUntil && owner.uniqueUntil <= deps.clock.now()
    if (owner && !isOver && !(owner._id === original._id && isFinal(owner.state))) throw keyTaken(original, owner)
    if (owner && round === maxRounds) throw keyTaken(original, owner)
    // a crash behind this leaves the key free, and the replay may be asked for again
    if (owner) await deps.store.jobs.releaseKeys([owner._id], { state: owner.state, ...sameRevision(owner) })
  }
}

const keyTaken = (job: JobDocument, owner: JobDocument): ErrandError =>
  new ErrandError('KEY_TAKEN', `The key of job ${job._id} is taken by job ${owner._id}, which is ${owner.state}.`, {
    details: { id: owner._id },
  })
