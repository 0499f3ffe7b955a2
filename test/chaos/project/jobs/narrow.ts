import { defineJob } from 'errand'
import { z } from 'zod'
import { perform, work } from './_work.js'

/** One at a time, for each key, of work that takes longer than its timeout and is kept alive by heartbeats. */
export default defineJob({
  args: z.object(work),
  result: z.object({ n: z.number(), v: z.number(), run: z.string() }),
  receipt: 'posted',
  concurrency: { limit: 1, key: ({ key }) => key },
  retry: { attempts: 6, backoff: { kind: 'fixed', delay: '500ms' } },
  timeout: '3s',
  maxRuntime: '10s',
  run: (args, context) => perform(args, context),
})
