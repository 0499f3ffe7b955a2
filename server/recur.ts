/** Recur: schedules whose time has come make jobs. */
import type { Deps } from './deps.js'
import { makeWaiting } from './overrun.js'
import type { ScheduleDocument } from './store/documents.js'
import { tick } from './tick.js'

const batch = 100

/** Answers with when the next tick is due. What is wrong with one schedule is thrown once the others had their turn. */
export async function recur(deps: Deps): Promise<Date | undefined> {
  const errors: unknown[] = []
  const attempt = (work: Promise<void>) => work.catch((error: unknown) => void errors.push(error))
  for (let due: ScheduleDocument[] | undefined; due === undefined || (due.length === batch && errors.length === 0);) {
    const readAt = deps.clock.now()
    due = await deps.store.schedules.due(readAt, batch)
    for (const schedule of due) await attempt(tick(deps, schedule, readAt))
  }
  await attempt(makeWaiting(deps))
  if (errors.length > 0) throw errors[0]
  return deps.store.schedules.nextRunAt()
}
