/**
 * Plain HTTP, so that anything can enqueue and anything can be a function. Nearly all routes are read off the router;
 * byHand.ts lists the others with their reasons.
 */
import type { Hono } from 'hono'
import { addEndRoutes } from './ends.js'
import { addJobRoute } from './jobs.js'
import { addProcedureRoutes } from './procedureRoutes.js'
import { addReceiptRoutes } from './receipts.js'
import { identifyCaller, type RestOptions } from './request.js'

export function addRestRoutes(app: Hono, options: RestOptions): void {
  // what functions post shows a token of its own, so these routes identify no caller
  addReceiptRoutes(app, options)
  app.use(identifyCaller(options.guard))
  addJobRoute(app, options)
  addEndRoutes(app, options)
  addProcedureRoutes(app, options)
}
