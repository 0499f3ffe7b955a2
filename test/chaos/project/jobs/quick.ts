import { defineJob } from 'errand'
import { z } from 'zod'
import { perform, work } from './_work.js'

/** Several of them travel in one call. */
export default defineJob({
  args: z.object(work),
  result: z.object({ n: z.number(), v: z.number(), run: z.string() }),
  jobsPerCall: 10,
  retry: { attempts: 4, backoff: { kind: 'fixed', delay: '500ms' } },
  timeout: '5s',
  run: (args, context) => perform(args, context),
})
