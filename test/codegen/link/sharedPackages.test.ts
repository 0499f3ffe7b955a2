/**
 * Functions whose zod and errand are linked apart from their own code: they run as if they were not, however they
 * import them.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sign } from '../../../core/functions/signature.js'
import { key } from '../../runtime/support.js'
import { testProject, type TestProject } from '../project.js'

/** Calls the function as a coordinator would. */
async function call(name: string, args: unknown): Promise<unknown> {
  const file = pathToFileURL(join(project.root, '.errand/functions', name, 'index.mjs')).href
  const { default: handler } = (await import(/* @vite-ignore */ file)) as {
    default: { fetch(request: Request, env: object): Promise<Response> }
  }
  const body = JSON.stringify({
    id: 'job1',
    worker: name,
    attempt: 1,
    maxAttempts: 5,
    args,
    deadline: new Date(Date.now() + 30_000).toISOString(),
    receipt: 'http://coordinator.test/job/job1/receipt?token=t',
  })
  const timestamp = String(Math.floor(Date.now() / 1_000))
  const headers = {
    'webhook-id': 'job1.1',
    'webhook-timestamp': timestamp,
    'webhook-signature': await sign(key, 'job1.1', timestamp, body),
  }
  const request = new Request('http://function.test/', { method: 'POST', headers, body })
  return (await handler.fetch(request, { ERRAND_SIGNING_KEYS: key })).json()
}

const zodTests: Record<string, string> = {
  named: `import { z } from 'zod'\nconst args = z.object({ n: z.coerce.number().int() })`,
  namespace: `import * as z from 'zod'\nconst args = z.object({ n: z.coerce.number().int() })`,
  byDefault: `import z from 'zod'\nconst args = z.object({ n: z.coerce.number().int() })`,
  alone: `import { object, coerce } from 'zod'\nconst args = object({ n: coerce.number().int() })`,
  v4: `import { z } from 'zod/v4'\nconst args = z.object({ n: z.coerce.number().int() })`,
  mini: `import * as z from 'zod/mini'\nconst args = z.object({ n: z.pipe(z.transform(Number), z.int()) })`,
  computed: `import * as z from 'zod'\nconst kind = Date.now() > 0 ? 'coerce' : 'string'\nconst args = z.object({ n: (z as any)[kind].number().int() })`,
  bare: `import 'zod'\nimport { z } from 'zod'\nconst args = z.object({ n: z.coerce.number().int() })`,
  behind: `import { args } from '../lib/behind.js'`,
}

const modules = {
  ...Object.fromEntries(
    Object.entries(zodTests).map(([name, above]) => [
      `jobs/${name}.ts`,
      `import { defineJob } from 'errand'\n${above}\nexport default defineJob({ args, run: ({ n }) => ({ n: n + 1 }) })\n`,
    ]),
  ),
  'lib/behind.ts': `export * from 'zod'\nimport { z } from './all.js'\nexport const args = z.object({ n: z.coerce.number().int() })\n`,
  'lib/all.ts': `export { z } from 'zod'\n`,
  'jobs/later.ts': `import { defineJob } from 'errand'\nimport { z } from 'zod'
export default defineJob({ args: z.object({ n: z.string() }), async run({ n }) {
  const zod = await import('zod')
  return { n: zod.z.coerce.number().parse(n) + 1 }
} })\n`,
  'jobs/fatal.ts': `import { defineJob, Fatal, RetryAfter } from 'errand'\nimport { z } from 'zod'
export default defineJob({ args: z.object({ n: z.string() }), run({ n }) { throw n === '1' ? new Fatal('no') : new RetryAfter('7s') } })\n`,
  'jobs/required.ts': `import { defineJob } from 'errand'\nimport { z } from 'zod'\nimport { parse } from 'requires-zod'
export default defineJob({ args: z.object({ n: z.string() }), run: ({ n }) => ({ n: parse(n) + 1 }) })\n`,
  'node_modules/requires-zod/package.json': '{ "name": "requires-zod", "version": "1.0.0", "main": "index.js" }',
  'node_modules/requires-zod/index.js': `const { z } = require('zod')\nexports.parse = (text) => z.coerce.number().parse(text)\n`,
}

let project: TestProject
beforeAll(async () => {
  project = await testProject(modules)
  await project.generate()
})
afterAll(() => project[Symbol.asyncDispose]())

describe('a function whose packages are linked apart', () => {
  it('runs, however it imports them', async () => {
    const names = [...Object.keys(zodTests), 'later', 'required']
    const answers = await Promise.all(names.map((name) => call(name, { n: '1' })))
    expect(Object.fromEntries(names.map((name, index) => [name, answers[index]]))).toEqual(
      Object.fromEntries(names.map((name) => [name, { status: 'success', result: { n: 2 } }])),
    )
  })

  it('throws errors that its runtime knows', async () => {
    expect(await call('fatal', { n: '1' })).toMatchObject({ status: 'failure', fatal: true })
    expect(await call('fatal', { n: '2' })).toMatchObject({ status: 'failure', retryAfter: '7s' })
  })

  it('is its own copy: a schema that does not fit is told with its issues', async () => {
    expect(await call('namespace', { n: 'x' })).toMatchObject({
      status: 'failure',
      error: { code: 'INVALID_ARGS' },
    })
  })

  it('takes no more than its like: one with a schema that many have is as small whatever others import', async () => {
    const size = async (name: string) => (await project.read(`.errand/functions/${name}/index.mjs`)).length
    expect(await size('mini')).toBeLessThan((await size('named')) * 0.8)
    expect(await size('named')).toBeLessThan((await size('computed')) * 0.8)
  })
})
