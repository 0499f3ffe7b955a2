/** Tick: what comes of a schedule whose time has come. */
import { dueTicks } from '../../core/time/dueTicks.js'
import { tickRule, withDefaults } from '../../core/time/scheduleRule.js'
import type { TickRule } from '../../core/time/ticks.js'
import type { Deps } from '../deps.js'
import { isOverrun, mostWaiting } from './queueing.js'
import type { ScheduleDocument } from '../store/documents.js'
import { makeTick } from './tickJob.js'

export const ticksOf = (schedule: ScheduleDocument): TickRule =>
  tickRule(schedule, { id: schedule._id, since: schedule.createdAt })

/** `readAt` is from before the schedule was read. */
export async function tick(deps: Deps, schedule: ScheduleDocument, readAt: Date): Promise<void> {
  const { missed, overrun } = withDefaults(schedule)
  const first = schedule.nextRunAt!
  const presentSince = deps.scheduleWatch.sinceWhen(deps.clock.now())
  const { ticks, nextRunAt, leftOut } = dueTicks(ticksOf(schedule), missed, first, readAt, presentSince)
  const about = { schedule: schedule._id, worker: schedule.worker }
  if (leftOut) deps.log('info', 'ticks were missed and make no job', { ...about, since: first, missed })
  if (overrun === 'queue') {
    const rest = mostWaiting - (schedule.waiting?.length ?? 0)
    if (ticks.length > rest) deps.log('warn', 'a tick was left out: too many wait', { ...about, mostWaiting })
    // overrun.ts makes their jobs, one by one
    await deps.store.schedules.advance(schedule, { nextRunAt, waiting: ticks.slice(0, Math.max(0, rest)) })
    return
  }
  const made =
    overrun === 'allow' ? await makeAll(deps, schedule, ticks, readAt) : await makeOne(deps, schedule, ticks, readAt)
  if (made === 'tooLate') return
  await deps.store.schedules.advance(schedule, { nextRunAt, ...(made ? { lastRunAt: made } : {}) })
}

/** Answers with the last tick that made a job. */
type Made = Date | undefined | 'tooLate'

async function makeAll(deps: Deps, schedule: ScheduleDocument, ticks: Date[], readAt: Date): Promise<Made> {
  const outcomes = await Promise.all(ticks.map((at) => makeTick(deps, schedule, at, readAt)))
  if (outcomes.includes('tooLate')) return 'tooLate'
  return ticks.findLast((_, index) => outcomes[index] === 'made')
}

/** Of ticks that are due at once the first may run, and the others come while it does. */
async function makeOne(deps: Deps, schedule: ScheduleDocument, ticks: Date[], readAt: Date): Promise<Made> {
  const [first, ...others] = ticks
  if (!first) return undefined
  const overrun = await isOverrun(deps, schedule, first)
  const skipped = others.length + (overrun ? 1 : 0)
  if (skipped > 0) {
    const fields = { schedule: schedule._id, worker: schedule.worker, ticks: skipped }
    deps.log('info', 'ticks were left out: the last job is not final', fields)
  }
  if (overrun) return undefined
  const outcome = await makeTick(deps, schedule, first, readAt)
  return outcome === 'made' ? first : outcome === 'tooLate' ? outcome : undefined
}
