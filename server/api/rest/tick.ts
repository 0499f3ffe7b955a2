/** The tick, for a platform's cron. */
import type { Hono } from 'hono'
import { tickPath } from '../../../core/views/tick.js'
import { tickRequest } from '../../../core/requests/tickRequest.js'
import { readBudget } from '../../running/runOnce.js'
import { bodyOf, limitBody, readBody, type RestOptions } from './request.js'

export function addTickRoutes(app: Hono, { runOnce, guard }: RestOptions): void {
  // not `operate`: a cron calls each minute, and nothing happens that would not by itself, so the audit is spared
  app.post(tickPath, limitBody(1_024), async (context) => {
    guard.require(context.get('identity'), [])
    // crons cannot send a body
    const isEmpty = (await bodyOf(context)).trim() === ''
    return context.json(await runOnce(isEmpty ? {} : readBudget(await readBody(tickRequest, context))))
  })
}
