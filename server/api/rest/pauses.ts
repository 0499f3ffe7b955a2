/** Shows, adds and removes pauses. */
import type { Hono } from 'hono'
import { pauseRequest, pauseTarget } from '../../../core/requests/pauses.js'
import { actorOf } from '../../access/auth.js'
import { listPauses, pause, resume } from '../../flowControl/pause.js'
import { parse } from '../../jobs/judge.js'
import { allow, limitBody, operate, readBody, type RestOptions } from './request.js'

export function addPauseRoutes(app: Hono, options: RestOptions): void {
  const { deps } = options

  app.get('/pauses', async (context) => {
    const actor = allow(options, context, 'observe')
    return context.json({ pauses: await listPauses(deps, actor) })
  })

  app.post('/pauses', limitBody(10_000), operate(options, 'pauses.add'), async (context) =>
    context.json(await pause(deps, await readBody(pauseRequest, context), actorOf(context.var).name), 201),
  )

  // what is resumed stands in the query, because a DELETE's body is lost on some ways
  app.delete('/pauses', operate(options, 'pauses.remove'), async (context) => {
    const { all, ...query } = context.req.query()
    return context.json(
      await resume(deps, parse(pauseTarget, all === undefined ? query : { ...query, all: all === 'true' })),
    )
  })
}
