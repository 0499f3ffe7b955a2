/** Turns schedules into what callers see. */
import type { ScheduleView } from '../../core/views/answers.gen.js'
import { versionField } from '../../core/job/migrate.js'
import { withDefaults } from '../../core/time/scheduleRule.js'
import type { Disclosure } from '../access/disclosure.js'
import type { ListedSchedule } from '../store/schedules.js'

export const scheduleView = (schedule: ListedSchedule, disclosure: Disclosure): ScheduleView => ({
  id: schedule._id,
  worker: schedule.worker,
  ...withDefaults(schedule),
  ...disclosure.args(schedule),
  ...versionField(schedule.argsVersion),
  ...(schedule.priority === undefined ? {} : { priority: schedule.priority }),
  nextRunAt: schedule.nextRunAt?.toISOString() ?? null,
  ...(schedule.pausedAt === undefined ? {} : { pausedAt: schedule.pausedAt.toISOString() }),
  lastRunAt: schedule.lastRunAt?.toISOString() ?? null,
  waiting: schedule.waiting?.length ?? 0,
  source: schedule.source,
  createdAt: schedule.createdAt.toISOString(),
})
