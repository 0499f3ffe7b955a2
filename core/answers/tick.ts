/** A tick of the coordinator. */
import { z } from 'zod'
import { count, time } from './fields.js'

export const tickSummary = z
  .strictObject({
    staged: count.describe('Scheduled jobs that became due.'),
    fired: count.describe('Schedules that fired.'),
    reaped: count.describe('Attempts whose receipt was missing.'),
    purged: count.describe('Final jobs that went after their keep time.'),
    started: count.describe('Attempts that began on this coordinator meanwhile.'),
    finished: count.describe(
      'Attempts whose call has ended meanwhile: with a receipt, or because the function posts it.',
    ),
    more: z.boolean().describe('Whether jobs that may start were left behind when the time was over.'),
    nextAt: time.nullable().describe('When the next scheduled job or schedule is due; null where there is none.'),
  })
  .meta({ id: 'TickSummary' })
