/**
 * The whole way of a job on Lambda by Invoke: what `errand build` made, run by the Runtime API, called by AWS's SDK
 * over Lambda's own REST API.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { build } from '../../codegen/index.js'
import { systemClock } from '../../core/time/clock.js'
import { defineJob } from '../../core/index.js'
import { lambdaName } from '../../core/functions/lambdaName.js'
import { createLambdaInvoker } from '../../server/functions/lambdaInvoker.js'
import { listen, type Listening } from '../../server/api/listen.js'
import { testProject, type TestProject } from '../codegen/project.js'
import { manualClock } from '../support/clock.js'
import { testErrand, testKey, type TestErrand } from '../support/errand.js'
import { startLambdaApi } from '../support/lambdaApi.js'
import { startFunction, unpack } from './lambda.js'
import { modules } from './workers.js'

type Started = Awaited<ReturnType<typeof startFunction>>

const once = { retry: { attempts: 1 } }
/** Their contracts; the functions are what was built. */
const workers = {
  echo: defineJob({ ...once, args: z.object({ text: z.string() }), run: ({ text }) => ({ text }) }),
  boom: defineJob({ ...once, args: z.object({}), run: () => null }),
  'mail.posted': defineJob({ ...once, args: z.object({ text: z.string() }), receipt: 'posted', run: () => null }),
}

let project: TestProject
const functions = new Map<string, Started>()
beforeAll(async () => {
  project = await testProject(modules)
  await build({ root: project.root, targets: ['aws-lambda'] })
  const dir = join(project.root, '.errand/build/aws-lambda')
  const { workers: built } = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8')) as {
    workers: Record<string, { function: string }>
  }
  for (const worker of Object.keys(workers)) {
    const folder = await unpack(join(dir, built[worker]!.function))
    functions.set(`errand-${lambdaName(worker)}`, await startFunction(folder, { ERRAND_SIGNING_KEYS: testKey }))
  }
})
afterAll(async () => {
  for (const one of functions.values()) await one[Symbol.asyncDispose]()
  await project?.[Symbol.asyncDispose]()
})

const names: Record<string, (worker: string) => string> = {
  'by region and name': (worker) => `lambda:eu-central-1:errand-${lambdaName(worker)}`,
  'by ARN': (worker) => `arn:aws:lambda:eu-central-1:123456789012:function:errand-${lambdaName(worker)}`,
}

describe.each(Object.keys(names))('a job whose function is on Lambda, called %s', (by) => {
  const functionsUrl = Object.keys(workers)
    .map((worker) => `${worker}=${names[by]!(worker)}`)
    .join(',')

  const open = async () => {
    const api = await startLambdaApi(async ({ name, event }) => ({
      payload: await functions.get(name.split(':').at(-1)!)!.invoke(event),
    }))
    const invoker = createLambdaInvoker({ client: api.client })
    let errand: TestErrand | undefined
    const listening: Listening = await listen({
      fetch: (request) => errand!.coordinator.fetch(request),
      host: '127.0.0.1',
      port: 0,
      setting: 'ERRAND_PORT',
    })
    errand = await testErrand(workers, {
      url: listening.url,
      functionsUrl,
      // the functions go by the machine's clock
      clock: manualClock(systemClock.now()),
      invokers: { lambda: invoker.invoke },
      invoke: undefined,
    } as object)
    return {
      errand,
      async [Symbol.asyncDispose]() {
        await listening.close()
        await errand[Symbol.asyncDispose]()
        await invoker.close()
        await api[Symbol.asyncDispose]()
      },
    }
  }

  it('runs, and its receipt is kept', async () => {
    await using opened = await open()
    const { errand } = opened
    const id = await errand.enqueue('echo', { text: 'naïve ✓ "🐋"' })
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(id)).toMatchObject({
      state: 'succeeded',
      receipts: [{ status: 'success', result: { text: 'naïve ✓ "🐋"' } }],
    })
  })

  it('fails with what `run` threw', async () => {
    await using opened = await open()
    const { errand } = opened
    const id = await errand.enqueue('boom')
    await errand.coordinator.dispatcher.idle()
    const error = { name: 'RangeError', message: 'too large', stack: expect.stringContaining('boom.ts:5') as string }
    expect(await errand.get(id)).toMatchObject({ state: 'failed', receipts: [{ error }] })
  })

  it('posts its receipt where its worker says so', async () => {
    await using opened = await open()
    const { errand } = opened
    const id = await errand.enqueue('mail.posted', { text: 'later' })
    // Lambda answers when it was posted
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', receipts: [{ result: { text: 'later' } }] })
  })
})
