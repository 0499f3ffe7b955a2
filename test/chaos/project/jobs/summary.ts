import { defineJob, groupSummary } from 'errand'
import { z } from 'zod'
import { perform, work } from './_work.js'

/** What runs once when a group is over. */
export default defineJob({
  args: z.object({ ...work, group: groupSummary() }),
  result: z.object({ n: z.number(), v: z.number(), run: z.string() }),
  retry: { attempts: 10, backoff: { kind: 'fixed', delay: '500ms' } },
  timeout: '5s',
  run: ({ group, ...args }, context) => {
    const { total, succeeded, failed, cancelled } = group
    const seen = { ...args, group: { total, succeeded, failed, cancelled } }
    return perform(seen, context)
  },
})
