/** Recur: schedules whose time has come make jobs. The job of a tick has an id made of schedule and tick, so coordinators may race and one job is made. */
import type { Deps } from './deps.js'
import { tick } from './tick.js'

const batch = 100

/** Answers with when the next tick is due. */
export async function recur(deps: Deps): Promise<Date | undefined> {
  for (;;) {
    const readAt = deps.clock.now()
    const due = await deps.store.schedules.due(readAt, batch)
    for (const schedule of due) await tick(deps, schedule, readAt)
    if (due.length < batch) return deps.store.schedules.nextRunAt()
  }
}
