import { defineJob } from 'errand'
import { z } from 'zod'

/** All that a function says to the coordinator while it runs. */
export default defineJob({
  args: z.object({}),
  async run(_args, ctx) {
    ctx.log('begun', { attempt: ctx.attempt })
    ctx.progress(0.5, 'half')
    await ctx.heartbeat()
    const child = await ctx.enqueue('greet' as never, { name: 'child', at: new Date(0) })
    return { child: child.id }
  },
})
