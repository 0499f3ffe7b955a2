import { defineJob, groupSummary } from 'errand'
import { z } from 'zod'

export default defineJob({
  args: z.object({ group: groupSummary(z.unknown()) }),
  run: ({ group }) => ({ succeeded: group.succeeded, failed: group.failed }),
})
