import { defineJob } from 'errand'
import { z } from 'zod'

export default defineJob({
  args: z.object({}),
  retry: { attempts: 2, backoff: ['1ms'] },
  run() {
    throw new Error('no luck', { cause: new TypeError('a deeper reason') })
  },
})
