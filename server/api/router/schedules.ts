/** Shows, previews, changes, pauses, resumes, runs and removes schedules. */
import { z } from 'zod'
import { enqueued } from '../../../core/answers/jobs.js'
import { removed, scheduleList, schedulePreview, scheduleView } from '../../../core/answers/schedules.js'
import { previewRequest, updateScheduleRequest } from '../../../core/requests/schedules.js'
import {
  getSchedule,
  listSchedules,
  pauseSchedule,
  previewSchedule,
  removeSchedule,
  resumeSchedule,
  runSchedule,
  updateSchedule,
} from '../../schedules/operate.js'
import { answer } from './answer.js'
import { carriesJobs, createRouter, toObserve, toOperate } from './procedure.js'

const scheduleId = z.strictObject({ id: z.string().min(1).max(512) })

export const schedulesRouter = createRouter({
  list: toObserve
    .meta({ http: 'GET /schedules', about: 'All schedules, those made in code too' })
    .output(answer(scheduleList))
    .query(({ ctx }) => listSchedules(ctx.deps, ctx.actor)),
  get: toObserve
    .meta({ http: 'GET /schedules/:id', about: 'A schedule', errors: ['UNKNOWN_SCHEDULE'] })
    .input(scheduleId)
    .output(answer(scheduleView))
    .query(({ ctx, input }) => getSchedule(ctx.deps, input.id, ctx.actor)),
  // it changes nothing; a body takes the rule as it is written everywhere else
  preview: toObserve
    .meta({
      http: 'POST /schedules/preview',
      about: 'When a schedule fires next, or when a rule that is not stored would',
      errors: ['INVALID_TIME', 'UNKNOWN_SCHEDULE'],
    })
    .input(previewRequest)
    .output(answer(schedulePreview))
    .query(({ ctx, input }) => previewSchedule(ctx.deps, input)),
  update: toOperate
    .meta({
      ...carriesJobs,
      http: 'PATCH /schedules/:id',
      about: 'Change a part of a schedule; null takes a field back to its default',
      errors: ['UNKNOWN_SCHEDULE', 'INVALID_TIME', 'INVALID_ARGS', 'UNKNOWN_WORKER', 'WRONG_STATE'],
    })
    .input(updateScheduleRequest)
    .output(answer(scheduleView))
    .mutation(({ ctx, input: { id, ...change } }) => updateSchedule(ctx.deps, id, change, ctx.actor)),
  pause: toOperate
    .meta({
      http: 'POST /schedules/:id/pause',
      about: 'Pause a schedule, also one made in code',
      errors: ['UNKNOWN_SCHEDULE'],
    })
    .input(scheduleId)
    .output(answer(scheduleView))
    .mutation(({ ctx, input }) => pauseSchedule(ctx.deps, input.id, ctx.actor)),
  resume: toOperate
    .meta({
      http: 'POST /schedules/:id/resume',
      about: 'Resume a schedule with its next occurrence; those of the pause are left out',
      errors: ['UNKNOWN_SCHEDULE'],
    })
    .input(scheduleId)
    .output(answer(scheduleView))
    .mutation(({ ctx, input }) => resumeSchedule(ctx.deps, input.id, ctx.actor)),
  run: toOperate
    .meta({
      http: 'POST /schedules/:id/run',
      about: 'Make a job of a schedule at once; its occurrences stay as they are',
      creates: 'unlessExisting',
      errors: ['UNKNOWN_SCHEDULE', 'UNKNOWN_WORKER', 'INVALID_ARGS', 'VERSION_AHEAD', 'KEY_TAKEN'],
    })
    .input(scheduleId)
    .output(answer(enqueued))
    .mutation(({ ctx, input }) => runSchedule(ctx.deps, input.id)),
  remove: toOperate
    .meta({
      http: 'DELETE /schedules/:id',
      about: 'Remove a schedule; the jobs it made stay',
      errors: ['UNKNOWN_SCHEDULE', 'WRONG_STATE'],
    })
    .input(scheduleId)
    .output(answer(removed))
    .mutation(({ ctx, input }) => removeSchedule(ctx.deps, input.id)),
})
