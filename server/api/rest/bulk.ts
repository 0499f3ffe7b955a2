/** Retries and replays one job; retries, replays and cancels many. */
import type { Hono } from 'hono'
import { z } from 'zod'
import {
  cancelManyRequest,
  replayManyRequest,
  replayRequest,
  retryManyRequest,
  type BulkRequest,
} from '../../../core/requests/bulk.js'
import { bulk, type BulkOperation } from '../../operations/bulk.js'
import { retryJob } from '../../operations/jobActions.js'
import { replayJob } from '../../operations/replay.js'
import { idOf, jobPaths, limitBody, operate, readBody, type RestOptions } from './request.js'

/** Nothing is said of a retry; that it must be JSON keeps web pages of other origins from asking for one. */
const empty = z.strictObject({})

const maxFilterBytes = 10_000

export function addBulkRoutes(app: Hono, options: RestOptions): void {
  const { deps, maxBodyBytes } = options

  app.on('POST', jobPaths('/retry'), limitBody(maxFilterBytes), operate(options, 'jobs.retry'), async (context) => {
    await readBody(empty, context)
    return context.json(await retryJob(deps, idOf(context)))
  })

  app.on('POST', jobPaths('/replay'), limitBody(maxBodyBytes), operate(options, 'jobs.replay'), async (context) => {
    const request = await readBody(replayRequest, context)
    const { runAt, ...replayed } = await replayJob(deps, idOf(context), request)
    return context.json({ ...replayed, runAt: runAt.toISOString() }, 201)
  })

  const addMany = (operation: BulkOperation, schema: z.ZodType<BulkRequest>) =>
    app.post(
      `/jobs/${operation}`,
      limitBody(maxFilterBytes),
      operate(options, `jobs.${operation}Many`),
      async (context) => context.json(await bulk(deps, operation, await readBody(schema, context))),
    )
  addMany('cancel', cancelManyRequest)
  addMany('retry', retryManyRequest)
  addMany('replay', replayManyRequest)
}
