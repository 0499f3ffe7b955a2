import { defineJob } from 'errand'
import { z } from 'zod'
import { perform, work } from './_work.js'

export default defineJob({
  args: z.object(work),
  result: z.object({ n: z.number(), v: z.number(), run: z.string() }),
  retry: { attempts: 6, backoff: { kind: 'exponential', base: '500ms', max: '4s' } },
  timeout: '5s',
  run: (args, context) => perform(args, context),
})
