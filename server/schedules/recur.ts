/** Recur: schedules whose time has come make jobs. */
import type { Deps } from '../deps.js'
import { makeWaiting } from './overlap.js'
import type { ScheduleDocument } from '../store/documents.js'
import { fire } from './fire.js'

const pageSize = 100

export interface Recurred {
  /** How many schedules had an occurrence. */
  fired: number
  /** When the next occurrence is due. */
  due: Date | undefined
}

/** The error of one schedule is thrown once the others had their turn. */
export async function recur(deps: Deps, signal?: AbortSignal): Promise<Recurred> {
  const errors: unknown[] = []
  let fired = 0
  const attempt = async (work: Promise<void>) => {
    try {
      await work
      return true
    } catch (error) {
      errors.push(error)
      return false
    }
  }
  for (
    let due: ScheduleDocument[] | undefined;
    due === undefined || (due.length === pageSize && errors.length === 0);
  ) {
    if (signal?.aborted) break
    const readAt = deps.clock.now()
    due = await deps.store.schedules.due(readAt, pageSize)
    // the database answers, so this coordinator is there
    deps.scheduleWatch.sinceWhen(deps.clock.now())
    for (const schedule of due) if (await attempt(fire(deps, schedule, readAt))) fired++
  }
  await attempt(makeWaiting(deps))
  if (errors.length > 0) throw errors[0]
  return { fired, due: await deps.store.schedules.nextRunAt() }
}
