/** Tick: what comes of a schedule whose time has come. */
import { ErrandError } from '../core/errors.js'
import { firstVersion, isAhead, versionField } from '../core/migrate.js'
import { tickRule } from '../core/scheduleRule.js'
import { lastTick, nextTick, type TickRule } from '../core/ticks.js'
import type { Deps } from './deps.js'
import { checkArgs, insert, newJob } from './enqueue.js'
import { tickId } from './ids.js'
import type { JobDocument, ScheduleDocument } from './store/documents.js'
import { uniqueRuleOf } from './unique.js'

/**
 * A coordinator that was halted between reading a schedule and writing its job must not write any more: the tick's job may have been made,
 * run and purged meanwhile, and would be made twice.
 */
const staleMs = 60_000

export const ticksOf = (schedule: ScheduleDocument): TickRule =>
  tickRule(schedule, { id: schedule._id, since: schedule.createdAt })

/** `now` is from before the schedule was read. */
export async function tick(deps: Deps, schedule: ScheduleDocument, now: Date): Promise<void> {
  const rule = ticksOf(schedule)
  const first = schedule.nextRunAt!
  const at = lastTick(rule, first, now) ?? first
  const job = await tickJob(deps, schedule, at, now)
  if (deps.clock.now().getTime() - now.getTime() > staleMs) return
  if (job) await insertTick(deps, schedule, job)
  await deps.store.schedules.advance(schedule, { nextRunAt: nextTick(rule, now) ?? null, lastRunAt: at })
}
/** A tick whose key is held is left out: its work is waiting, or running, already. */
async function insertTick(deps: Deps, schedule: ScheduleDocument, job: JobDocument): Promise<void> {
  const contract = deps.contracts.has(job.worker) ? await deps.contracts.get(job.worker) : undefined
  try {
    await insert(deps, uniqueRuleOf(contract), job)
  } catch (error) {
    if (!(error instanceof ErrandError && error.code === 'KEY_TAKEN')) throw error
    deps.log('info', 'a tick was left out: its key is held', { schedule: schedule._id, worker: job.worker })
  }
}

/** Undefined where the args no longer fit their worker: then the tick is left out, and the log says so. */
async function tickJob(deps: Deps, schedule: ScheduleDocument, at: Date, now: Date): Promise<JobDocument | undefined> {
  const id = tickId(schedule._id, at)
  const version = schedule.argsVersion ?? firstVersion
  if (!deps.contracts.has(schedule.worker)) return waitingForWorker(schedule, id, at, now)
  try {
    const contract = await deps.contracts.get(schedule.worker)
    // rolled back, or not rolled out yet: the function knows whether it can, and a job that failed can be retried, while a tick is gone
    if (isAhead(contract, version)) return waitingForWorker(schedule, id, at, now)
    const args = JSON.parse(schedule.args) as unknown
    const meta = schedule.argsMeta === undefined ? undefined : (JSON.parse(schedule.argsMeta) as unknown)
    return newJob(contract, {
      id,
      args: await checkArgs(contract, args, meta, version),
      runAt: at,
      now,
      scheduleId: schedule._id,
      priority: schedule.priority,
    })
  } catch (error) {
    if (!(error instanceof ErrandError)) throw error
    deps.log('error', 'a schedule cannot make its job', { schedule: schedule._id, worker: schedule.worker, error })
    return undefined
  }
}

/** Nothing is known of the worker's policies while it, or its version, is not deployed; its job waits with the defaults. */
const waitingForWorker = (schedule: ScheduleDocument, id: string, at: Date, now: Date): JobDocument => ({
  _id: id,
  worker: schedule.worker,
  args: schedule.args,
  ...(schedule.argsMeta === undefined ? {} : { argsMeta: schedule.argsMeta }),
  ...versionField(schedule.argsVersion),
  state: 'queued',
  priority: 0,
  runAt: at,
  createdAt: now,
  attempt: 0,
  maxAttempts: 5,
  scheduleId: schedule._id,
})
