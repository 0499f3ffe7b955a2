import { defineJob } from 'errand'
import { z } from 'zod'
import { perform, work } from './_work.js'

/** Of groups; it fails for good after two attempts, and an operator's retry brings it through. */
export default defineJob({
  args: z.object(work),
  result: z.object({ n: z.number(), v: z.number(), run: z.string() }),
  retry: { attempts: 2, backoff: { kind: 'fixed', delay: '500ms' } },
  timeout: '5s',
  run: (args, context) => perform(args, context),
})
