/** What is done to schedules by hand: look, look ahead, remove. */
import { ErrandError } from '../core/errors.js'
import { previewOf } from '../core/preview.js'
import type { ParsedPreviewRequest, SchedulePreview, ScheduleView } from '../core/schedules.js'
import type { Deps } from './deps.js'
import { scheduleView } from './scheduleView.js'
import type { ScheduleDocument } from './store/documents.js'

export async function listSchedules(deps: Deps): Promise<ScheduleView[]> {
  return (await deps.store.schedules.list()).map(scheduleView)
}

/** Throws `UNKNOWN_SCHEDULE`. */
export const getSchedule = async (deps: Deps, id: string): Promise<ScheduleView> =>
  scheduleView(await findSchedule(deps, id))

/** When a schedule ticks, or a rule that is not stored would. Throws `INVALID_TIME`, `UNKNOWN_SCHEDULE`. */
export async function previewSchedule(
  deps: Deps,
  { id = '', from = deps.clock.now(), count, ...rule }: ParsedPreviewRequest,
): Promise<SchedulePreview> {
  if (rule.cron !== undefined || rule.every !== undefined) return previewOf(rule, { id, from, count })
  const schedule = await findSchedule(deps, id)
  return previewOf(schedule, { id, since: schedule.createdAt, from, count })
}

/** Throws `UNKNOWN_SCHEDULE`, and `WRONG_STATE` for one made in code, which would come back at the next start. */
export async function removeSchedule(deps: Deps, id: string): Promise<void> {
  const schedule = await findSchedule(deps, id)
  refuseCode(schedule, `Remove \`schedule\` from ${schedule.worker} and deploy.`)
  await deps.store.schedules.remove(id)
}

async function findSchedule(deps: Deps, id: string): Promise<ScheduleDocument> {
  const schedule = await deps.store.schedules.find(id)
  if (!schedule) throw new ErrandError('UNKNOWN_SCHEDULE', `There is no schedule "${id.slice(0, 200)}".`)
  return schedule
}

function refuseCode({ _id, source }: ScheduleDocument, instead: string): void {
  if (source === 'code') throw new ErrandError('WRONG_STATE', `The schedule "${_id}" is made in code. ${instead}`)
}
