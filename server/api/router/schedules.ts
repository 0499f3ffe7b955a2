/** Shows, previews, changes, pauses, resumes, runs and removes schedules. */
import { z } from 'zod'
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
import { carriesJobs, createRouter, toObserve, toOperate } from './procedure.js'

const scheduleId = z.strictObject({ id: z.string().min(1).max(512) })

export const schedulesRouter = createRouter({
  list: toObserve.query(({ ctx }) => listSchedules(ctx.deps, ctx.actor)),
  get: toObserve.input(scheduleId).query(({ ctx, input }) => getSchedule(ctx.deps, input.id, ctx.actor)),
  preview: toObserve.input(previewRequest).query(({ ctx, input }) => previewSchedule(ctx.deps, input)),
  update: toOperate
    .meta(carriesJobs)
    .input(updateScheduleRequest)
    .mutation(({ ctx, input: { id, ...change } }) => updateSchedule(ctx.deps, id, change, ctx.actor)),
  pause: toOperate.input(scheduleId).mutation(({ ctx, input }) => pauseSchedule(ctx.deps, input.id, ctx.actor)),
  resume: toOperate.input(scheduleId).mutation(({ ctx, input }) => resumeSchedule(ctx.deps, input.id, ctx.actor)),
  run: toOperate.input(scheduleId).mutation(({ ctx, input }) => runSchedule(ctx.deps, input.id)),
  remove: toOperate.input(scheduleId).mutation(({ ctx, input }) => removeSchedule(ctx.deps, input.id)),
})
