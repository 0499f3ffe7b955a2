/** Schedules: make, look, look ahead, remove. `POST /job` with `cron` or `every` makes them too. */
import type { Hono } from 'hono'
import { previewRequest, scheduleRequest } from '../../core/schedules.js'
import { putSchedule } from '../schedule.js'
import { getSchedule, listSchedules, previewSchedule, removeSchedule } from '../scheduleOperate.js'
import { scheduledView } from '../scheduleView.js'
import { allow, limitBody, operate, readBody, type RestOptions } from './request.js'

export function addScheduleRoutes(app: Hono, options: RestOptions): void {
  const { deps, maxBodyBytes } = options

  app.post('/schedules', limitBody(maxBodyBytes), async (context) => {
    const actor = allow(options, context, 'enqueue')
    const scheduled = await putSchedule(deps, await readBody(scheduleRequest, context), actor)
    return context.json(scheduledView(scheduled), 201)
  })

  app.get('/schedules', async (context) => {
    allow(options, context, 'observe')
    return context.json(await listSchedules(deps))
  })

  // it changes nothing; a body takes the rule as it is written everywhere else
  app.post('/schedules/preview', limitBody(maxBodyBytes), async (context) => {
    allow(options, context, 'observe')
    return context.json(await previewSchedule(deps, await readBody(previewRequest, context)))
  })

  app.get('/schedules/:id', async (context) => {
    allow(options, context, 'observe')
    return context.json(await getSchedule(deps, context.req.param('id')))
  })

  app.delete('/schedules/:id', operate(options, 'schedules.remove'), async (context) => {
    const id = context.req.param('id')
    await removeSchedule(deps, id)
    return context.json({ id, removed: true })
  })
}
