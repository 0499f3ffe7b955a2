import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { createLambdaHandler, type LambdaEvent } from '../../../runtime/lambda.js'
import { wrap } from '../../../runtime/index.js'
import { createLambdaInvoker, type LambdaInvoker } from '../../../server/functions/lambdaInvoker.js'
import { manualClock } from '../../support/clock.js'
import { testErrand, testKey, type TestErrandOptions, type TestWorkers } from '../../support/errand.js'
import { startLambdaApi, type Reply } from '../../support/lambdaApi.js'

const send = defineJob({
  args: z.object({ text: z.string() }),
  retry: { attempts: 2, backoff: ['9s'] },
  timeout: '30s',
  run: ({ text }) => ({ text }),
})
const functionsUrl = 'lambda:eu-central-1:errand-{worker}'

/** A coordinator that calls functions on Lambda. */
const coordinatorOf = (workers: TestWorkers, invoker: LambdaInvoker, options: Partial<TestErrandOptions> = {}) =>
  testErrand(workers, {
    functionsUrl,
    invokers: { lambda: invoker.invoke },
    ...options,
    invoke: undefined,
  } as object)

/** The job after one attempt that Lambda answered so. */
async function jobAfter(reply: Reply) {
  await using api = await startLambdaApi(() => reply)
  const invoker = createLambdaInvoker({ client: api.client })
  await using errand = await coordinatorOf({ send }, invoker)
  const id = await errand.enqueue('send', { text: '' })
  await errand.coordinator.dispatcher.idle()
  await invoker.close()
  expect(api.seen).toHaveLength(1)
  return await errand.get(id)
}

const failureOf = async (reply: Reply) => {
  const { receipts, runAt } = await jobAfter(reply)
  return { ...receipts[0]?.error, runAt }
}

describe('a function on Lambda', () => {
  it('is invoked once, by the name its address says, with the signed call as its event', async () => {
    const clock = manualClock()
    const handlers = new Map(
      ['mail.send', 'report'].map((worker) => [
        `errand-${worker.replace('.', '-')}`,
        createLambdaHandler(wrap(send, { worker, keys: [testKey], clock })),
      ]),
    )
    await using api = await startLambdaApi(async ({ name, event }) => ({
      payload: await handlers.get(name)!(event as LambdaEvent),
    }))
    const invoker = createLambdaInvoker({ client: api.client })
    await using errand = await coordinatorOf({ 'mail.send': send, report: send }, invoker, { clock })
    const ids = [await errand.enqueue('mail.send', { text: 'naïve ✓' }), await errand.enqueue('report', { text: 'b' })]
    await errand.coordinator.dispatcher.idle()
    const [first, second] = await Promise.all(ids.map((id) => errand.get(id)))
    expect(first).toMatchObject({ state: 'succeeded', receipts: [{ result: { text: 'naïve ✓' } }] })
    expect(second).toMatchObject({ state: 'succeeded', receipts: [{ result: { text: 'b' } }] })
    expect(api.seen.map(({ name }) => name).toSorted()).toEqual(['errand-mail-send', 'errand-report'])
    expect(api.seen[0]!.headers).toMatchObject({
      'x-amz-invocation-type': 'RequestResponse',
      authorization: expect.stringContaining('/eu-central-1/lambda/') as string,
    })
    await invoker.close()
  })

  it('is invoked by its ARN, in the region that it names', async () => {
    const arn = 'arn:aws:lambda:us-west-2:123456789012:function:errand-send:live'
    await using api = await startLambdaApi(() => ({ payload: { statusCode: 202, headers: {}, body: '' } }))
    const invoker = createLambdaInvoker({ client: api.client })
    await using errand = await coordinatorOf({ send }, invoker, { functionsUrl: `send=${arn}` })
    const id = await errand.enqueue('send', { text: '' })
    await errand.coordinator.dispatcher.idle()
    expect(api.seen).toMatchObject([
      { name: arn, headers: { authorization: expect.stringContaining('/us-west-2/lambda/') as string } },
    ])
    expect(await errand.get(id)).toMatchObject({ state: 'running', receipts: [] })
    await invoker.close()
  })

  it('that has too many calls is tried again when Lambda says, and by the backoff where it does not', async () => {
    const throttled = { status: 429, type: 'TooManyRequestsException' }
    expect(await failureOf({ ...throttled, retryAfter: '7' })).toMatchObject({
      code: 'HTTP_429',
      message: expect.stringContaining('too many calls at once of errand-send') as string,
      runAt: '2030-01-01T00:00:07.000Z',
    })
    expect(await failureOf(throttled)).toMatchObject({ code: 'HTTP_429', runAt: '2030-01-01T00:00:09.000Z' })
  })

  it('hands on the Retry-After of its own answer', async () => {
    const busy = { payload: { statusCode: 429, headers: { 'Retry-After': '6' }, body: '' } }
    expect(await failureOf(busy)).toMatchObject({ code: 'HTTP_429', runAt: '2030-01-01T00:00:06.000Z' })
  })

  it.each([
    [
      { errorType: 'Sandbox.Timedout', errorMessage: 'RequestId: 1 Error: Task timed out after 35.00 seconds' },
      'TIMEOUT',
    ],
    [{ errorMessage: '2026-11-24T00:00:00Z 1 Task timed out after 35.00 seconds' }, 'TIMEOUT'],
    [{ errorType: 'Runtime.OutOfMemory', errorMessage: 'RequestId: 1 Error: Runtime exited' }, 'OUT_OF_MEMORY'],
    [{ errorType: 'Runtime.ExitError', errorMessage: 'Runtime exited with error: signal: killed' }, 'OUT_OF_MEMORY'],
    [{ errorType: 'Runtime.ImportModuleError', errorMessage: "Cannot find module 'sharp'" }, 'FUNCTION_ERROR'],
  ])('that does not get to answer fails with a code: %j', async (functionError, code) => {
    expect(await failureOf({ functionError })).toMatchObject({
      code,
      message: expect.stringContaining(functionError.errorMessage) as string,
    })
  })

  it.each([
    ['HTTP_404', { status: 404, type: 'ResourceNotFoundException' }, /ResourceNotFoundException.*Is it deployed/],
    ['HTTP_403', { status: 403, type: 'AccessDeniedException' }, /may the coordinator invoke it/],
    ['HTTP_500', { status: 500, type: 'ServiceException' }, /Lambda answered 500/],
    ['BAD_RECEIPT', { payload: { hello: 'world' } }, /without \{ statusCode/],
    ['BAD_RECEIPT', { payload: null }, /without \{ statusCode/],
    ['ANSWER_TOO_LARGE', { payload: { statusCode: 200, body: 'x'.repeat(4 * 1024 * 1024 + 1) } }, /4 MiB/],
    ['HTTP_401', { payload: { statusCode: 401, body: '{"error":{"code":"UNAUTHORIZED","message":"No."}}' } }, /No\./],
  ] as [string, Reply, RegExp][])(
    'fails with a clear code, and is not tried again by the SDK: %s',
    async (code, reply, message) => {
      const failure = await failureOf(reply)
      expect(failure).toMatchObject({ code, message: expect.stringMatching(message) as string })
      expect(failure.message).not.toContain('secret')
    },
  )

  it('cannot be called where nobody answers', async () => {
    const client = { endpoint: 'http://127.0.0.1:9', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }
    await using errand = await coordinatorOf({ send }, createLambdaInvoker({ client }))
    const id = await errand.enqueue('send', { text: '' })
    await errand.coordinator.dispatcher.idle()
    const [receipt] = (await errand.get(id)).receipts
    expect(receipt?.error).toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('errand-send could not be called (ECONNREFUSED)') as string,
    })
  })

  it('is broken off at the deadline', async () => {
    let arrive: () => void = () => {}
    const arrived = new Promise<void>((resolve) => (arrive = resolve))
    await using api = await startLambdaApi(() => {
      arrive()
      return new Promise(() => {})
    })
    const invoker = createLambdaInvoker({ client: api.client })
    await using errand = await coordinatorOf({ send }, invoker)
    const id = await errand.enqueue('send', { text: '' })
    await arrived
    await errand.clock.advance('30s')
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(id)).toMatchObject({ state: 'scheduled', receipts: [{ error: { code: 'TIMEOUT' } }] })
    // Lambda hears of it as well
    await api.seen[0]!.gone
    await invoker.close()
  })
})

describe("without AWS's SDK", () => {
  it('a coordinator whose functions are on Lambda says what to install, when it starts and with each call', async () => {
    vi.doMock('@aws-sdk/client-lambda', () => {
      throw new Error('not installed')
    })
    try {
      await using errand = await testErrand({ send }, { functionsUrl, invoke: undefined } as object)
      await expect(errand.coordinator.start()).rejects.toMatchObject({
        code: 'CONFIG',
        message: expect.stringContaining('npm install @aws-sdk/client-lambda') as string,
      })
      const id = await errand.enqueue('send', { text: '' })
      await errand.coordinator.dispatcher.idle()
      expect(await errand.get(id)).toMatchObject({
        state: 'scheduled',
        receipts: [{ error: { code: 'CONFIG', message: expect.stringContaining('npm install') as string } }],
      })
    } finally {
      vi.doUnmock('@aws-sdk/client-lambda')
    }
  })

  it('one whose functions are elsewhere starts as ever', async () => {
    vi.doMock('@aws-sdk/client-lambda', () => {
      throw new Error('not installed')
    })
    try {
      await using errand = await testErrand({ send }, { invoke: undefined } as object)
      await expect(errand.coordinator.start()).resolves.toBeUndefined()
    } finally {
      vi.doUnmock('@aws-sdk/client-lambda')
    }
  })
})
