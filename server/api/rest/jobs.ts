/** Enqueues, shows and cancels jobs. */
import type { Hono } from 'hono'
import { enqueueManyRequest, listJobsRequest, postJobRequest } from '../../../core/requests/wire.js'
import { enqueue } from '../../jobs/enqueue.js'
import { enqueueMany } from '../../jobs/enqueueMany.js'
import { cancelJob, getJob, listJobs } from '../../operations/jobActions.js'
import { putSchedule } from '../../schedules/define.js'
import { scheduledView } from '../../schedules/view.js'
import { whyJob } from '../../operations/why.js'
import { maxManyBytes } from '../requestBody.js'
import { admit, allow, idOf, jobPaths, limitBody, operate, readBody, readQuery, type RestOptions } from './request.js'

export function addJobRoutes(app: Hono, options: RestOptions): void {
  const { deps, maxBodyBytes } = options

  app.post('/job', limitBody(maxBodyBytes), async (context) => {
    const actor = allow(options, context, 'enqueue')
    using _place = admit(options, context, 'single')
    const request = await readBody(postJobRequest, context)
    if (request.cron === undefined && request.every === undefined) {
      const { runAt, ...job } = await enqueue(deps, request, actor)
      return context.json({ ...job, runAt: runAt.toISOString() }, job.existing ? 200 : 201)
    }
    const { worker, args, argsMeta, cron, every, timezone, priority, key: id } = request
    const scheduled = await putSchedule(deps, { id, worker, args, argsMeta, cron, every, timezone, priority }, actor)
    return context.json(scheduledView(scheduled), 201)
  })

  app.post('/jobs', limitBody(Math.max(maxManyBytes, maxBodyBytes)), async (context) => {
    const actor = allow(options, context, 'enqueue')
    using place = admit(options, context)
    const request = await readBody(enqueueManyRequest, context)
    place.count(request.jobs.length)
    return context.json({ outcomes: await enqueueMany(deps, request, actor) })
  })

  app.get('/jobs', async (context) => {
    const actor = allow(options, context, 'observe')
    return context.json(await listJobs(deps, readQuery(listJobsRequest, context), actor))
  })

  app.get('/workers', (context) => {
    allow(options, context, 'observe')
    return context.json(deps.contracts.names)
  })

  app.on('GET', jobPaths(), async (context) => {
    const actor = allow(options, context, 'observe', 'enqueue')
    return context.json(await getJob(deps, idOf(context), actor))
  })

  app.on('GET', jobPaths('/why'), async (context) => {
    const actor = allow(options, context, 'observe')
    return context.json(await whyJob(deps, idOf(context), actor))
  })

  app.on('DELETE', jobPaths(), operate(options, 'jobs.cancel'), async (context) =>
    context.json(await cancelJob(deps, idOf(context))),
  )
}
