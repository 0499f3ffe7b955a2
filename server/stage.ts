/** Stage: scheduled jobs whose time has come become queued. */
import type { Deps } from './deps.js'

const batch = 1_000

/** Answers with when the next scheduled job is due. */
export async function stage(deps: Deps): Promise<Date | undefined> {
  for (;;) {
    const next = await deps.store.jobs.nextRunAt()
    const now = deps.clock.now()
    if (!next || next > now) return next
    const staged = await deps.store.jobs.stage(now, batch)
    if (staged > 0) deps.events.emit('queued', undefined)
  }
}
