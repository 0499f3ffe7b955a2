import { defineJob } from 'errand'
import { z } from 'zod'
import { perform, work } from './_work.js'

/** Asked for where a fault is over, to see how long it takes until work goes on. */
export default defineJob({
  args: z.object(work),
  result: z.object({ n: z.number(), v: z.number(), run: z.string() }),
  priority: 100,
  retry: { attempts: 50, backoff: { kind: 'fixed', delay: '250ms' } },
  timeout: '5s',
  run: (args, context) => perform(args, context),
})
