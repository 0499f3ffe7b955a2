/** What functions post: receipts, and what attempts do while they run. These routes need no API key: the token in their address is good for one attempt. */
import type { Hono } from 'hono'
import { followUpRequest } from '../../core/followUp.js'
import { reportRequest } from '../../core/report.js'
import { attemptEnd } from '../../core/attemptEnd.js'
import { enqueueFollowUp } from '../followUp.js'
import { maxAnswerBytes } from '../invoke.js'
import { heartbeat, receivePosted } from '../receive.js'
import { report } from '../report.js'
import { limitBody, readBody, type RestOptions } from './request.js'

/** What is kept of a log takes a quarter of this. */
const maxReportBytes = 64 * 1024

export function addReceiptRoutes(app: Hono, { deps, maxBodyBytes }: RestOptions): void {
  app.post('/job/:id/receipt', limitBody(maxAnswerBytes), async (context) => {
    const body = await readBody(attemptEnd, context)
    const { duplicate } = await receivePosted(deps, context.req.param('id'), context.req.query('token'), body)
    return context.json(duplicate ? { recorded: true, duplicate: true } : { recorded: true })
  })

  app.post('/job/:id/progress', limitBody(maxReportBytes), async (context) => {
    await report(deps, context.req.param('id'), context.req.query('token'), await readBody(reportRequest, context))
    return context.json({ recorded: true })
  })

  app.post('/job/:id/enqueue', limitBody(maxBodyBytes), async (context) => {
    const request = await readBody(followUpRequest, context)
    const { runAt, ...job } = await enqueueFollowUp(deps, context.req.param('id'), context.req.query('token'), request)
    return context.json({ ...job, runAt: runAt.toISOString() }, job.existing ? 200 : 201)
  })

  app.post('/job/:id/heartbeat', limitBody(1024), async (context) => {
    const { deadline } = await heartbeat(deps, context.req.param('id'), context.req.query('token'))
    return context.json({ deadline: deadline.toISOString() })
  })
}
