/**
 * Overlap: occurrences that come while a job of their schedule is not final.
 *
 * With `'queue'` an occurrence does not become a job at once. The write that moves the schedule on puts it at the end
 * of the schedule's `waiting` occurrences, so it is there or still due, and never both; then their jobs are made from
 * the front, each when no other job of the schedule is left to end.
 *
 *   due ──advance──▶ waiting: [ 10:00, 10:05, 10:10 ] ──no job left──▶ job of 10:00 ──take──▶ waiting: [ 10:05, 10:10 ]
 *
 * A job is made before its occurrence is taken. A coordinator that dies in between leaves an occurrence whose job is
 * there: the next one finds that the only job left is the occurrence's own, makes it again under the same id, which
 * changes nothing, and takes it. The end of a job whose schedule waits for it (`followed`) wakes the loop; where that
 * is not heard, the loop's own round comes.
 *
 * The state of a schedule's jobs is read from the jobs, not noted in the schedule: so one that was made by hand counts,
 * and nothing can be out of date.
 */
import type { Deps } from '../deps.js'
import { occurrenceId } from '../ids.js'
import type { ScheduleDocument } from '../store/documents.js'
import { makeOccurrence } from './occurrenceJob.js'

/**
 * Occurrences beyond are left out: a schedule whose jobs always take longer than its period would collect them for
 * ever.
 */
export const mostWaiting = 1_000

/** Whether another job of the schedule than this occurrence's own is not final. */
export const overlapsAnother = ({ store }: Deps, { _id }: ScheduleDocument, at: Date): Promise<boolean> =>
  store.jobs.anyOfSchedule(_id, occurrenceId(_id, at))

/** Makes the jobs of waiting occurrences that need not wait any longer. */
export async function makeWaiting(deps: Deps): Promise<void> {
  const readAt = deps.clock.now()
  for (const schedule of await deps.store.schedules.withWaiting()) await makeNext(deps, schedule, readAt)
}

async function makeNext(deps: Deps, schedule: ScheduleDocument, readAt: Date): Promise<void> {
  for (const at of schedule.waiting ?? []) {
    // a schedule that is no longer to queue has no reason to hold them back
    if (schedule.overlap === 'queue' && (await overlapsAnother(deps, schedule, at))) return
    const outcome = await makeOccurrence(deps, schedule, at, readAt)
    if (outcome === 'tooLate') return
    if (!(await deps.store.schedules.takeWaiting(schedule, at, outcome === 'made'))) return
  }
}
