/**
 * Always fails.
 *
 * Shows: what becomes of a job that cannot succeed. It is tried three times, waits between the tries as `backoff` says,
 * and ends as `failed` with a receipt for each attempt: name, message, code, cause and a stack that points into this
 * file. `errand jobs retry <id>` gives it another life. Good for trying out alerts, too.
 */
import { defineJob } from 'errand'
import { z } from 'zod'

export default defineJob({
  args: z.object({ wish: z.string().default('fly') }),
  retry: { attempts: 3, backoff: ['500ms', '1s'] },
  keep: { failed: '7d' },

  async run({ wish }, { attempt, maxAttempts }): Promise<never> {
    const cause = new Error(`too heavy to ${wish}`)
    throw Object.assign(new Error(`The whale fell into the sea, attempt ${attempt} of ${maxAttempts}.`, { cause }), {
      code: 'WHALE_DOWN',
    })
  },
})
