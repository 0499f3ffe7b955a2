import { existsSync } from 'node:fs'
import { defineJob } from 'errand'
import { z } from 'zod'

/** Runs again a second later until the file is there. */
export default defineJob({
  args: z.object({ file: z.string() }),
  run: ({ file }, ctx) => (existsSync(file) ? 'there' : ctx.snooze('1s')),
})
