import { defineJob } from 'errand'
import { z } from 'zod'

/** What JSON cannot say goes there and comes back. */
export default defineJob({
  args: z.object({ name: z.string(), at: z.date() }),
  jobsPerCall: 5,
  run: ({ name, at }) => ({ text: `Hello, ${name}!`, next: new Date(at.getTime() + 1), kinds: new Set(['a', 'b']) }),
})
