/** Schedules: look, look ahead, remove. */
import { z } from 'zod'
import { previewRequest } from '../../core/schedules.js'
import { getSchedule, listSchedules, previewSchedule, removeSchedule } from '../scheduleOperate.js'
import { createRouter, toObserve, toOperate } from './procedure.js'

const scheduleId = z.strictObject({ id: z.string().min(1).max(512) })

export const schedulesRouter = createRouter({
  list: toObserve.query(({ ctx }) => listSchedules(ctx.deps)),
  get: toObserve.input(scheduleId).query(({ ctx, input }) => getSchedule(ctx.deps, input.id)),
  preview: toObserve.input(previewRequest).query(({ ctx, input }) => previewSchedule(ctx.deps, input)),
  remove: toOperate.input(scheduleId).mutation(({ ctx, input }) => removeSchedule(ctx.deps, input.id)),
})
