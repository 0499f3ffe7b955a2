/** Tells how a job ended, by a long poll, for callers in any language. */
import { longestWaitMs } from '../../../core/limits.js'
import type { Hono } from 'hono'
import { awaitReceiptQuery } from '../../../core/requests/completions.js'
import { durationMs } from '../../../core/time/duration.js'
import { waitMany } from '../../operations/waitMany.js'
import { unknownJob } from '../../jobs/receive.js'
import { parse } from '../../jobs/judge.js'
import { jobEnd, jobState } from '../../../core/answers/jobs.js'
import { answered } from '../router/answer.js'
import { allow, idOf, jobPaths, type RestOptions } from './request.js'

export function addEndRoutes(app: Hono, options: RestOptions): void {
  const { deps, waits } = options

  app.on('GET', jobPaths('/receipt'), async (context) => {
    const actor = allow(options, context, 'observe', 'enqueue')
    const id = idOf(context)
    const { timeout } = parse(awaitReceiptQuery, context.req.query())
    const timeoutMs = Math.min(durationMs(timeout), longestWaitMs)
    const request = { ids: [id], timeoutMs }
    const { ended, waiting } = await waitMany(deps, waits, request, actor, context.req.raw.signal)
    const [end] = ended
    if (end?.state === null) throw unknownJob(id)
    return end ? context.json(answered(jobEnd, end)) : context.json(answered(jobState, waiting[0]!), 202)
  })
}
