/** How much of an input is read, by either door. */
import { actorIn, type Identity } from '../access/auth.js'
import { mostOfRefused } from '../access/audit.js'
import type { ProcedureMeta } from './router/procedure.js'

/** The largest input of a procedure that names no other limit. */
const maxInputBytes = 256 * 1024

/** In bytes. Of a caller that may not call it, no more than the audit wants. */
export function maxInputOf({ roles, maxBytes }: ProcedureMeta, identity: Identity, maxJobsBytes: number): number {
  if (!actorIn(identity, roles)) return mostOfRefused
  return maxBytes === 'jobs' ? maxJobsBytes : (maxBytes ?? maxInputBytes)
}
