/** Schedules: look, remove. */
import { z } from 'zod'
import { listSchedules, removeSchedule } from '../schedule.js'
import { createRouter, toObserve, toOperate } from './procedure.js'

const scheduleId = z.strictObject({ id: z.string().min(1).max(200) })

export const schedulesRouter = createRouter({
  list: toObserve.query(({ ctx }) => listSchedules(ctx.deps)),
  remove: toOperate.input(scheduleId).mutation(({ ctx, input }) => removeSchedule(ctx.deps, input.id)),
})
