/** The answers of operations on many jobs. */
import { z } from 'zod'
import { count, nextCursor } from './fields.js'

/** Of a dry run. */
export const bulkCount = z
  .strictObject({
    count: count.describe('100,000 stands for as many or more.'),
    token: z.string().describe('For the operation itself.'),
  })
  .meta({ id: 'BulkCount' })

export const bulkOutcome = z
  .strictObject({
    matched: count.describe('Jobs of this page that the filter takes.'),
    done: count.describe('Those of them that were retried, replayed, cancelled or erased.'),
    skipped: z
      .array(z.strictObject({ id: z.string(), code: z.string(), message: z.string() }))
      .describe('Why the others were not; at most a hundred of them.'),
    cursor: nextCursor,
  })
  .meta({ id: 'BulkOutcome' })

export const bulkAnswer = z.union([bulkCount, bulkOutcome])
