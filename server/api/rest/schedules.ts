/**
 * Makes, shows, previews, changes, pauses, resumes, runs and removes schedules. `POST /job` with `cron` or `every`
 * makes them too.
 */
import type { Hono } from 'hono'
import { previewRequest, scheduleChange, scheduleRequest } from '../../../core/requests/schedules.js'
import { putSchedule } from '../../schedules/define.js'
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
import { scheduledView } from '../../schedules/view.js'
import { admit, allow, limitBody, operate, readBody, type RestOptions } from './request.js'

export function addScheduleRoutes(app: Hono, options: RestOptions): void {
  const { deps, maxBodyBytes } = options

  app.post('/schedules', limitBody(maxBodyBytes), async (context) => {
    const actor = allow(options, context, 'enqueue')
    using _place = admit(options, context, 'single')
    const scheduled = await putSchedule(deps, await readBody(scheduleRequest, context), actor)
    return context.json(scheduledView(scheduled), 201)
  })

  app.get('/schedules', async (context) => {
    const actor = allow(options, context, 'observe')
    return context.json(await listSchedules(deps, actor))
  })

  // it changes nothing; a body takes the rule as it is written everywhere else
  app.post('/schedules/preview', limitBody(maxBodyBytes), async (context) => {
    allow(options, context, 'observe')
    return context.json(await previewSchedule(deps, await readBody(previewRequest, context)))
  })

  app.get('/schedules/:id', async (context) => {
    const actor = allow(options, context, 'observe')
    return context.json(await getSchedule(deps, context.req.param('id'), actor))
  })

  app.patch('/schedules/:id', limitBody(maxBodyBytes), operate(options, 'schedules.update'), async (context) =>
    context.json(
      await updateSchedule(
        deps,
        context.req.param('id'),
        await readBody(scheduleChange, context),
        context.get('actor'),
      ),
    ),
  )

  app.post('/schedules/:id/pause', operate(options, 'schedules.pause'), async (context) =>
    context.json(await pauseSchedule(deps, context.req.param('id'), context.get('actor'))),
  )

  app.post('/schedules/:id/resume', operate(options, 'schedules.resume'), async (context) =>
    context.json(await resumeSchedule(deps, context.req.param('id'), context.get('actor'))),
  )

  app.post('/schedules/:id/run', operate(options, 'schedules.run'), async (context) => {
    const { runAt, ...job } = await runSchedule(deps, context.req.param('id'))
    return context.json({ ...job, runAt: runAt.toISOString() }, job.existing ? 200 : 201)
  })

  app.delete('/schedules/:id', operate(options, 'schedules.remove'), async (context) => {
    const id = context.req.param('id')
    await removeSchedule(deps, id)
    return context.json({ id, removed: true })
  })
}
