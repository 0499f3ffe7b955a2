import { defineJob } from 'errand'
import { z } from 'zod'
import { child, noteChild, perform, work } from './_work.js'

/** Asks for two jobs and may fail after it; what it asks for again in the next attempt is the same. */
export default defineJob({
  args: z.object(work),
  result: z.object({ n: z.number(), v: z.number(), run: z.string() }),
  retry: { attempts: 6, backoff: { kind: 'fixed', delay: '500ms' } },
  timeout: '5s',
  run: (args, context) =>
    perform(args, context, async (run) => {
      for (const call of ['first', 'second']) {
        const { id } = await child(context)('child', { n: args.n }, { call })
        noteChild(run, call, id)
      }
    }),
})
