/**
 * Erase: a person's data can be deleted. Of a job that is final the args go, its keys, progress, receipts and log, and
 * what the callback of its group was given of it. The job itself stays until its keep time is over, as a record without
 * all these, so that lists, groups and counts stay true. It can be neither retried nor replayed with its args.
 *
 * What was made of them elsewhere stays: the jobs that it enqueued (erased by `parent`), replays, a schedule that holds
 * the same args, and what functions wrote down. Throttles and slots of its keys forget them within minutes.
 */
import { ErrandError } from '../../core/errors.js'
import type { Deps } from '../deps.js'
import { eraseInCallback } from './eraseInCallback.js'
import { unknownJob } from '../jobs/receive.js'
import { repeat } from '../repeatedWrite.js'
import type { JobDocument } from '../store/documents.js'

/**
 * May be asked again. Throws `UNKNOWN_JOB`, and `WRONG_STATE` for a job that is not final: it may still run with its
 * args.
 */
export async function erase(deps: Deps, { _id: id }: Pick<JobDocument, '_id'>): Promise<void> {
  const { store } = deps
  const job = await repeat(deps, () => store.jobs.erase(id))
  if (!job) throw await whyNot(deps, id)
  await repeat(deps, () => store.receipts.removeOfJobs([id]))
  const { callbackOf, group } = job
  if (callbackOf !== undefined) await repeat(deps, () => store.groups.eraseCallbackArgs(callbackOf))
  if (group !== undefined) await eraseInCallback(deps, group, [id])
}

async function whyNot({ store }: Deps, id: string): Promise<ErrandError> {
  const job = await store.jobs.find(id)
  if (!job) return unknownJob(id)
  const { state } = job
  return new ErrandError('WRONG_STATE', `Job ${id} is ${state} and may still run with its args. Cancel it first.`, {
    details: { id, state },
  })
}
