/**
 * Plain HTTP, as DESIGN section 4 fixes it, so that anything can enqueue and anything can be a function. A file for each thing that routes are
 * about; each route reads, calls one step, and answers.
 */
import type { Hono } from 'hono'
import { addJobRoutes } from './jobs.js'
import { addReceiptRoutes } from './receipts.js'
import type { RestOptions } from './request.js'

export function addRestRoutes(app: Hono, options: RestOptions): void {
  addJobRoutes(app, options)
  addReceiptRoutes(app, options)
}
