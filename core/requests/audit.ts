/** The audit as it travels: who did what to which thing, and how it ended. */
import { z } from 'zod'
import type { Role } from '../roles.js'

export const listAuditRequest = z.strictObject({
  /** Such as `jobs.cancel`. */
  action: z.string().min(1).max(100).optional(),
  /** The name of a key. */
  by: z.string().min(1).max(200).optional(),
  /** How many entries at the most, 1 to 500. Default 50. */
  limit: z.int().min(1).max(500).default(50),
  /** Where the last page ended. */
  cursor: z.string().max(100).optional(),
})
export type ListAuditRequest = z.input<typeof listAuditRequest>

/** The thing an action was about: never args, results or keys. */
export type AuditTarget = Record<string, string | number | boolean>

export interface AuditEntry {
  id: string
  /** ISO 8601. */
  at: string
  /** The name of the key, and the role it acted in; `local` where no key was required. */
  by: { name: string; role: Role }
  /** The procedure, such as `jobs.cancel`. */
  action: string
  target: AuditTarget
  /**
   * `ok`, an error's code, or `begun` for an action whose end was never written down: it runs now, or its coordinator
   * died.
   */
  outcome: string
}

export interface AuditPage {
  /** Newest first. */
  entries: AuditEntry[]
  /** Where the next page begins; null on the last one. */
  cursor: string | null
}
