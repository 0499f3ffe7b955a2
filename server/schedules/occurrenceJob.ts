/**
 * The job of an occurrence. Its id is made of schedule and occurrence, so coordinators may race and one job is made.
 */
import { ErrandError } from '../../core/errors.js'
import { firstVersion, isAhead, versionField } from '../../core/job/migrate.js'
import type { Deps } from '../deps.js'
import { checkArgs, storedArgs } from '../jobs/checkArgs.js'
import { insert, newJob } from '../jobs/enqueue.js'
import { occurrenceId } from '../ids.js'
import type { JobDocument, ScheduleDocument } from '../store/documents.js'
import { uniqueRuleOf } from '../flowControl/unique.js'

/**
 * A coordinator that was halted between reading a schedule and writing its job must not write any more: the
 * occurrence's job may have been made, run and purged meanwhile, and would be made twice.
 */
const staleMs = 60_000

/**
 * `leftOut` where the args no longer fit their worker, or the key is taken: its work is waiting, or running, already.
 * The log says so.
 */
export async function makeOccurrence(
  deps: Deps,
  schedule: ScheduleDocument,
  at: Date,
  readAt: Date,
): Promise<'made' | 'leftOut' | 'tooLate'> {
  const about = { schedule: schedule._id, worker: schedule.worker }
  try {
    const job = await jobOf(deps, schedule, { id: occurrenceId(schedule._id, at), runAt: at, now: readAt })
    if (deps.clock.now().getTime() - readAt.getTime() > staleMs) return 'tooLate'
    await insert(deps, uniqueRuleOf(await contractOf(deps, schedule)), job)
    return 'made'
  } catch (error) {
    if (!(error instanceof ErrandError)) throw error
    if (error.code === 'KEY_TAKEN') deps.log('info', 'an occurrence was left out: its key is taken', about)
    else deps.log('error', 'a schedule cannot make its job', { ...about, error })
    return 'leftOut'
  }
}

interface Occasion {
  id: string
  runAt: Date
  now: Date
}

/** Throws `INVALID_ARGS` and `BAD_WORKER` for a worker that no longer takes them. */
export async function jobOf(deps: Deps, schedule: ScheduleDocument, occasion: Occasion): Promise<JobDocument> {
  const contract = await contractOf(deps, schedule)
  const version = schedule.argsVersion ?? firstVersion
  // rolled back, or not rolled out yet: the function knows whether it can, and a job that failed can be retried, while an
  // occurrence is gone
  if (!contract || isAhead(contract, version)) return waitingForWorker(schedule, occasion)
  const job = newJob(contract, {
    ...occasion,
    args: await checkArgs(contract, storedArgs(schedule), { version }),
    scheduleId: schedule._id,
    priority: schedule.priority,
  })
  return { ...job, ...followed(schedule) }
}

const contractOf = async (deps: Deps, { worker }: ScheduleDocument) =>
  deps.contracts.has(worker) ? deps.contracts.get(worker) : undefined

/**
 * Nothing is known of the worker's policies while it, or its version, is not deployed; its job waits with the defaults.
 */
const waitingForWorker = (schedule: ScheduleDocument, { id, runAt, now }: Occasion): JobDocument => ({
  _id: id,
  worker: schedule.worker,
  args: schedule.args,
  ...(schedule.argsMeta === undefined ? {} : { argsMeta: schedule.argsMeta }),
  ...versionField(schedule.argsVersion),
  state: 'queued',
  priority: schedule.priority ?? 0,
  runAt,
  createdAt: now,
  attempt: 0,
  maxAttempts: 5,
  scheduleId: schedule._id,
  ...followed(schedule),
})

const followed = ({ overlap }: ScheduleDocument): Pick<JobDocument, 'followed'> =>
  overlap === 'queue' ? { followed: true } : {}
