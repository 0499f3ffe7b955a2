import { defineJob } from 'errand'
import { z } from 'zod'
import { perform, work } from './_work.js'

export default defineJob({
  args: z.object(work),
  result: z.object({ n: z.number(), v: z.number(), run: z.string() }),
  concurrency: { limit: 2, key: ({ key }) => key },
  retry: { attempts: 6, backoff: { kind: 'fixed', delay: '500ms' } },
  timeout: '4s',
  run: (args, context) => perform(args, context),
})
