/** Reads the audit. */
import type { Hono } from 'hono'
import { listAuditRequest } from '../../../core/requests/audit.js'
import { listAudit } from '../../access/audit.js'
import { operate, readQuery, type RestOptions } from './request.js'

export function addAuditRoutes(app: Hono, options: RestOptions): void {
  app.get('/audit', operate(options, 'audit.list'), async (context) =>
    context.json(await listAudit(options.deps, readQuery(listAuditRequest, context))),
  )
}
