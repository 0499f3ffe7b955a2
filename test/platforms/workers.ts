/** The workers that every platform runs in the conformance suite, as their modules are written. */
export const modules = {
  'jobs/echo.ts': `import { defineJob } from 'errand'
import { z } from 'zod'
export default defineJob({
  args: z.object({ text: z.string() }),
  result: z.object({ text: z.string() }),
  run: ({ text }) => ({ text }),
})
`,
  'jobs/mail/posted.ts': `import { defineJob } from 'errand'
import { z } from 'zod'
export default defineJob({
  args: z.object({ text: z.string() }),
  result: z.object({ text: z.string() }),
  receipt: 'posted',
  run: ({ text }) => ({ text }),
})
`,
  'jobs/slow.ts': `import { defineJob } from 'errand'
import { z } from 'zod'
export default defineJob({
  args: z.object({}),
  result: z.null(),
  run: () => new Promise<null>(() => {}),
})
`,
  'jobs/boom.ts': `import { defineJob } from 'errand'
import { z } from 'zod'

function explode(): never {
  throw new RangeError('too large', { cause: new TypeError('a number') })
}

export default defineJob({ args: z.object({}), result: z.null(), run: () => explode() })
`,
  'jobs/limited.ts': `import { defineJob, RetryAfter } from 'errand'
import { z } from 'zod'
export default defineJob({
  args: z.object({ api: z.string() }),
  result: z.null(),
  async run({ api }) {
    const response = await fetch(api)
    if (response.status === 429) throw new RetryAfter(\`\${Number(response.headers.get('retry-after'))}s\`)
    return null
  },
})
`,
} as const

/** Where `boom` throws, as its stack must say. */
export const boomPlace = /jobs\/boom\.ts:5:\d+/

export const workerNames = ['boom', 'echo', 'limited', 'mail.posted', 'slow'] as const
export type WorkerName = (typeof workerNames)[number]
