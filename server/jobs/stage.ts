/** Stage: scheduled jobs whose time has come become queued. */
import type { Deps } from '../deps.js'

const pageSize = 1_000

export interface Staged {
  staged: number
  /** When the next scheduled job is due. */
  due: Date | undefined
}

export async function stage(deps: Deps, signal?: AbortSignal): Promise<Staged> {
  for (let staged = 0; ;) {
    const due = await deps.store.jobs.nextRunAt()
    const now = deps.clock.now()
    if (!due || due > now || signal?.aborted) return { staged, due }
    const moved = await deps.store.jobs.stage(now, pageSize)
    staged += moved
    if (moved > 0) deps.events.emit('queued', undefined)
  }
}
