/** The audit as it travels: who did what to which thing, and how it ended. */
import { z } from 'zod'

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
