/** Reads the audit. */
import { auditPage } from '../../../core/answers/access.js'
import { listAuditRequest } from '../../../core/requests/audit.js'
import { listAudit } from '../../access/audit.js'
import { answer } from './answer.js'
import { createRouter, toOperate } from './procedure.js'

export const auditRouter = createRouter({
  list: toOperate
    .meta({ http: 'GET /audit', about: 'What operators did, newest first' })
    .input(listAuditRequest)
    .output(answer(auditPage))
    .query(({ ctx, input }) => listAudit(ctx.deps, input)),
})
