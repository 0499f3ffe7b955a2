/** Fire: makes the jobs of a schedule whose time has come, by its policies. */
import { dueOccurrences } from '../../core/time/dueOccurrences.js'
import { occurrenceRule, withDefaults } from '../../core/time/scheduleRule.js'
import type { OccurrenceRule } from '../../core/time/occurrences.js'
import type { Deps } from '../deps.js'
import { overlapsAnother, mostWaiting } from './overlap.js'
import type { ScheduleDocument } from '../store/documents.js'
import { makeOccurrence } from './occurrenceJob.js'

export const occurrencesOf = (schedule: ScheduleDocument): OccurrenceRule =>
  occurrenceRule(schedule, { id: schedule._id, since: schedule.createdAt })

/** `readAt` is from before the schedule was read. */
export async function fire(deps: Deps, schedule: ScheduleDocument, readAt: Date): Promise<void> {
  const { missed, overlap } = withDefaults(schedule)
  const first = schedule.nextRunAt!
  const presentSince = deps.scheduleWatch.sinceWhen(deps.clock.now())
  const { occurrences, nextRunAt, leftOut } = dueOccurrences(
    occurrencesOf(schedule),
    missed,
    first,
    readAt,
    presentSince,
  )
  const about = { schedule: schedule._id, worker: schedule.worker }
  if (leftOut) deps.log('info', 'occurrences were missed and make no job', { ...about, since: first, missed })
  if (overlap === 'queue') {
    const rest = mostWaiting - (schedule.waiting?.length ?? 0)
    if (occurrences.length > rest)
      deps.log('warn', 'an occurrence was left out: too many wait', { ...about, mostWaiting })
    // overlap.ts makes their jobs, one by one
    await deps.store.schedules.advance(schedule, { nextRunAt, waiting: occurrences.slice(0, Math.max(0, rest)) })
    return
  }
  const made =
    overlap === 'allow'
      ? await makeAll(deps, schedule, occurrences, readAt)
      : await makeOne(deps, schedule, occurrences, readAt)
  if (made === 'tooLate') return
  await deps.store.schedules.advance(schedule, { nextRunAt, ...(made ? { lastRunAt: made } : {}) })
}

/** Answers with the last occurrence that made a job. */
type Made = Date | undefined | 'tooLate'

async function makeAll(deps: Deps, schedule: ScheduleDocument, occurrences: Date[], readAt: Date): Promise<Made> {
  const outcomes = await Promise.all(occurrences.map((at) => makeOccurrence(deps, schedule, at, readAt)))
  if (outcomes.includes('tooLate')) return 'tooLate'
  return occurrences.findLast((_, index) => outcomes[index] === 'made')
}

/** Of occurrences that are due at once the first may run, and the others come while it does. */
async function makeOne(deps: Deps, schedule: ScheduleDocument, occurrences: Date[], readAt: Date): Promise<Made> {
  const [first, ...others] = occurrences
  if (!first) return undefined
  const overlaps = await overlapsAnother(deps, schedule, first)
  const skipped = others.length + (overlaps ? 1 : 0)
  if (skipped > 0) {
    const fields = { schedule: schedule._id, worker: schedule.worker, occurrences: skipped }
    deps.log('info', 'occurrences were left out: the last job is not final', fields)
  }
  if (overlaps) return undefined
  const outcome = await makeOccurrence(deps, schedule, first, readAt)
  return outcome === 'made' ? first : outcome === 'tooLate' ? outcome : undefined
}
