/** Reads the audit. */
import { listAuditRequest } from '../../../core/requests/audit.js'
import { listAudit } from '../../access/audit.js'
import { createRouter, toOperate } from './procedure.js'

export const auditRouter = createRouter({
  list: toOperate.input(listAuditRequest).query(({ ctx, input }) => listAudit(ctx.deps, input)),
})
