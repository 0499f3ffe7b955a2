/** API keys and the audit, as operators are shown them. */
import { z } from 'zod'
import { roles } from '../roles.js'
import { flag, nextCursor, time } from './fields.js'

const keyFields = {
  name: z.string(),
  role: z.enum(roles),
  workers: z.array(z.string()).exactOptional().describe('Of `enqueue`: the workers it may enqueue; absent for all.'),
  args: z.boolean().exactOptional().describe('Of `observe`: whether args and results are shown.'),
  source: z
    .enum(['stored', 'setting'])
    .describe(
      '`setting`: an entry of ERRAND_API_KEYS on the coordinator that answered; of those nothing below is known.',
    ),
  createdAt: time.exactOptional(),
  createdBy: z.string().exactOptional().describe('The name of the key that made it; `local` where none was required.'),
  lastUsedAt: time.exactOptional().describe('Within a minute; absent where the key was never used.'),
}

/** Never the key itself, nor its hash. */
export const keyView = z.strictObject(keyFields).meta({ id: 'KeyView' })

export const keyList = z.strictObject({ keys: z.array(keyView) })

export const createdKey = z
  .strictObject({
    ...keyFields,
    key: z.string().describe('Shown this once.'),
    first: flag.exactOptional().describe('Until this key there was none, and everything was open.'),
  })
  .meta({ id: 'CreatedKey' })

export const revokedKey = z.strictObject({ name: z.string(), revoked: z.literal(true) })

/** One thing that an operator did, or tried to do. */
export const auditEntry = z
  .strictObject({
    id: z.string(),
    at: time,
    by: z
      .strictObject({ name: z.string(), role: z.enum(roles) })
      .describe('The name of the key, and the role it acted in; `local` where no key was required.'),
    action: z.string().describe('The procedure, such as `jobs.cancel`.'),
    target: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
      .describe('The thing it was about. Never args, results or keys.'),
    outcome: z
      .string()
      .describe("`ok`, an error's code, or `begun` where the end is not known: it runs now, or its coordinator died."),
  })
  .meta({ id: 'AuditEntry' })

export const auditPage = z
  .strictObject({ entries: z.array(auditEntry).describe('Newest first.'), cursor: nextCursor })
  .meta({ id: 'AuditPage' })
