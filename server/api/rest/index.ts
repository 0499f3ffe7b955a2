/**
 * Plain HTTP, so that anything can enqueue and anything can be a function. A file for each thing that routes are
 * about; each route reads, calls one step, and answers.
 */
import type { Hono } from 'hono'
import { addAuditRoutes } from './audit.js'
import { addCompatRoutes } from './compat.js'
import { addDeploymentRoutes } from './deployments.js'
import { addBulkRoutes } from './bulk.js'
import { addEndRoutes } from './ends.js'
import { addGroupRoutes } from './groups.js'
import { addJobRoutes } from './jobs.js'
import { addKeyRoutes } from './keys.js'
import { addPauseRoutes } from './pauses.js'
import { addReceiptRoutes } from './receipts.js'
import { identifyCaller, type RestOptions } from './request.js'
import { addScheduleRoutes } from './schedules.js'
import { addTickRoutes } from './tick.js'

export function addRestRoutes(app: Hono, options: RestOptions): void {
  // what functions post shows a token of its own, so these routes identify no caller
  addReceiptRoutes(app, options)
  app.use(identifyCaller(options.guard))
  addJobRoutes(app, options)
  addBulkRoutes(app, options)
  addEndRoutes(app, options)
  addPauseRoutes(app, options)
  addGroupRoutes(app, options)
  addAuditRoutes(app, options)
  addScheduleRoutes(app, options)
  addKeyRoutes(app, options)
  addCompatRoutes(app, options)
  addDeploymentRoutes(app, options)
  addTickRoutes(app, options)
}
