/** Makes, shows, cancels and retries groups. */
import type { Hono } from 'hono'
import { groupJobsRequest, groupRequest } from '../../../core/requests/groups.js'
import { cancelGroup } from '../../groups/cancel.js'
import { getGroup, listGroupJobs, retryGroup } from '../../groups/view.js'
import { countJobs, createGroup } from '../../groups/create.js'
import { maxManyBytes } from '../requestBody.js'
import { admit, allow, limitBody, operate, readBody, readQuery, type RestOptions } from './request.js'

export function addGroupRoutes(app: Hono, options: RestOptions): void {
  const { deps, maxBodyBytes } = options

  app.post('/groups', limitBody(Math.max(maxManyBytes, maxBodyBytes)), async (context) => {
    const actor = allow(options, context, 'enqueue')
    using place = admit(options, context)
    const request = await readBody(groupRequest, context)
    place.count(countJobs(request.jobs))
    return context.json(await createGroup(deps, request, actor), 201)
  })

  app.get('/groups/:id', async (context) => {
    allow(options, context, 'observe', 'enqueue')
    return context.json(await getGroup(deps, context.req.param('id')))
  })

  app.get('/groups/:id/jobs', async (context) => {
    const actor = allow(options, context, 'observe', 'enqueue')
    const page = readQuery(groupJobsRequest.omit({ id: true }), context)
    return context.json(await listGroupJobs(deps, { ...page, id: context.req.param('id') }, actor))
  })

  app.delete('/groups/:id', operate(options, 'groups.cancel'), async (context) =>
    context.json(await cancelGroup(deps, context.req.param('id'))),
  )

  app.post('/groups/:id/retry', operate(options, 'groups.retry'), async (context) =>
    context.json(await retryGroup(deps, context.req.param('id'))),
  )
}
