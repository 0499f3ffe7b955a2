import { defineJob } from 'errand'
import { z } from 'zod'
import { perform, work } from './_work.js'

export default defineJob({
  args: z.object(work),
  result: z.object({ n: z.number(), v: z.number(), run: z.string() }),
  schedule: { every: '4s', missed: 'all', overlap: 'queue', args: { n: 0, ms: 400 } },
  retry: { attempts: 6, backoff: { kind: 'fixed', delay: '500ms' } },
  timeout: '5s',
  run: (args, context) => perform(args, context),
})
