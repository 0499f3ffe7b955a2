/**
 * Erase: a person's data can be deleted. Of a job that is final the args go, its keys, progress, receipts and log, and
 * what the callback of its group was given of it. The job itself stays until its keep time is over, as a record without
 * all these, so that lists, groups and counts stay true. It can be neither retried nor replayed with its args.
 *
 * What was made of them elsewhere stays: the jobs that it enqueued (erased by `parent`), replays, a schedule that holds
 * the same args, and what functions wrote down. Throttles and slots of its keys forget them within minutes.
 */
import { createHash } from 'node:crypto'
import { ErrandError } from '../../core/errors.js'
import type { Deps } from '../deps.js'
import { unknownJob } from '../jobs/receive.js'
import { repeat } from '../repeatedWrite.js'
import type { JobDocument } from '../store/documents.js'

/**
 * Of one job, but for what its group's callback was given of it (eraseInCallback). May be asked again, also where it was
 * broken off. Throws `UNKNOWN_JOB`, and `WRONG_STATE` for a job that is not final: it may still run with its args.
 */
export async function erase(deps: Deps, { _id: id }: Pick<JobDocument, '_id'>): Promise<void> {
  const { store } = deps
  const job = await repeat(deps, () => store.jobs.erase(id))
  if (!job) throw await whyNot(deps, id)
  await repeat(deps, () => store.receipts.removeOfJobs([id]))
  const call = job.call === undefined ? undefined : unnamedCall(job.call)
  await repeat(deps, () => store.jobs.eraseKeys(id, call))
}

/** Still one of its own for each call of its parent; made of one that is erased it is the same. */
const unnamedCall = (call: string): string =>
  call.startsWith(unnamed) ? call : unnamed + createHash('sha256').update(call).digest('hex').slice(0, 32)

const unnamed = 'erased '

async function whyNot({ store }: Deps, id: string): Promise<ErrandError> {
  const job = await store.jobs.find(id)
  if (!job) return unknownJob(id)
  const { state } = job
  return new ErrandError('WRONG_STATE', `Job ${id} is ${state} and may still run with its args. Cancel it first.`, {
    details: { id, state },
  })
}
