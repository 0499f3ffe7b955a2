/** `POST /job`: enqueues a job, or makes a schedule. */
import type { Hono } from 'hono'
import { enqueued } from '../../../core/answers/jobs.js'
import { scheduled } from '../../../core/answers/schedules.js'
import { postJobRequest } from '../../../core/requests/wire.js'
import { enqueue } from '../../jobs/enqueue.js'
import { putSchedule } from '../../schedules/define.js'
import { answered } from '../router/answer.js'
import { admit, allow, limitBody, readBody, type RestOptions } from './request.js'

export function addJobRoute(app: Hono, options: RestOptions): void {
  const { deps, maxBodyBytes } = options

  app.post('/job', limitBody(maxBodyBytes), async (context) => {
    const actor = allow(options, context, 'enqueue')
    using _place = admit(options, context, 'single')
    const request = await readBody(postJobRequest, context)
    if (request.cron === undefined && request.every === undefined) {
      const job = await enqueue(deps, request, actor)
      return context.json(answered(enqueued, job), job.existing ? 200 : 201)
    }
    const { worker, args, argsMeta, cron, every, timezone, priority, key: id } = request
    const schedule = { id, worker, args, argsMeta, cron, every, timezone, priority }
    return context.json(answered(scheduled, await putSchedule(deps, schedule, actor)), 201)
  })
}
