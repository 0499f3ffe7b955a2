/**
 * What every function must do, whatever it runs on: what `errand build` made, run by the platform's own code where that
 * is installed. The coordinator's part is its own code too: it reads the answers.
 */
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { build } from '../../codegen/index.js'
import type { FunctionCall } from '../../core/requests/wire.js'
import { readAnswer } from '../../server/functions/invoke.js'
import { testProject, type TestProject } from '../codegen/project.js'
import { key, otherKey } from '../runtime/support.js'
import { cloudflare } from './cloudflare.js'
import { lambdaDirect, lambdaUrl } from './lambda.js'
import { nodeHost } from './nodeHost.js'
import type { Answer, Platform, Running } from './platform.js'
import { python } from './python.js'
import { startReceiver, type Receiver } from './receiver.js'
import { vercel } from './vercel.js'
import { modules, type WorkerName } from './workers.js'

const platforms = [nodeHost, vercel, lambdaUrl, lambdaDirect, cloudflare, python].filter(({ name, missing }) => {
  if (missing !== undefined) console.warn(`${name} is not tested here: ${missing}.`)
  return missing === undefined
})

let project: TestProject
let receiver: Receiver
beforeAll(async () => {
  project = await testProject(modules)
  receiver = await startReceiver()
  await build({ root: project.root, targets: ['node', 'vercel', 'aws-lambda', 'cloudflare'] })
})
afterAll(async () => {
  await project[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

let count = 0
const callOf = (worker: WorkerName, args: unknown, deadlineMs = 30_000): FunctionCall => {
  const id = `job${++count}`
  return {
    id,
    worker,
    attempt: 1,
    maxAttempts: 5,
    args,
    deadline: new Date(Date.now() + deadlineMs).toISOString(),
    receipt: `${receiver.url}/job/${id}/receipt?token=t`,
  }
}

interface Signing {
  key?: string
  at?: Date
  body?: string
}

/** Signed by the reference package, not by ours. */
function signed(call: FunctionCall, { key: by = key, at = new Date() }: Signing = {}): Record<string, string> {
  const id = `${call.id}.${call.attempt}`
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(by).sign(id, at, JSON.stringify(call)),
  }
}

const read = ({ status, retryAfter, text }: Answer) => readAnswer(status, retryAfter, text)

describe.each(platforms)('$name', (platform: Platform) => {
  let running: Running
  beforeAll(async () => {
    // two keys, as while they are rotated
    running = await platform.start(`${project.root}/.errand/build/${platform.target}`, `${otherKey},${key}`)
  })
  afterAll(() => running?.[Symbol.asyncDispose]())

  const send = (call: FunctionCall, signing: Signing = {}): Promise<Answer> =>
    running.call(call.worker as WorkerName, signed(call, signing), signing.body ?? JSON.stringify(call))

  it('answers a call with its receipt', async () => {
    const answer = await send(callOf('echo', { text: 'naïve ✓ 🐋' }))
    expect(read(answer)).toEqual({ kind: 'receipt', receipt: { status: 'success', result: { text: 'naïve ✓ 🐋' } } })
  })

  it('answers a ping that is signed, and runs nothing', async () => {
    const body = JSON.stringify({ ping: true, worker: 'mail.posted' })
    const headersOf = (id: string) => {
      const at = new Date()
      const timestamp = String(Math.floor(at.getTime() / 1_000))
      return {
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': new Webhook(key).sign(id, at, body),
      }
    }
    const ping = (id: string) => running.call('mail.posted', headersOf(id), body)
    const manifest = platform.target && (await project.read(`.errand/build/${platform.target}/manifest.json`))
    const build = manifest && JSON.parse(manifest).workers['mail.posted'].build
    expect(read(await ping('ping.mail.posted.1'))).toEqual({
      kind: 'receipt',
      receipt: { status: 'success', result: { worker: 'mail.posted', ...(build && { build }) } },
    })
    expect((await ping('job1.1')).status).toBe(400)
    expect(
      (
        await running.call(
          'mail.posted',
          { ...headersOf('ping.mail.posted.2'), 'webhook-id': 'ping.mail.posted.3' },
          body,
        )
      ).status,
    ).toBe(401)
    expect((await running.call('echo', headersOf('ping.mail.posted.4'), body)).status).toBe(404)
  })

  it('takes the old key and the new one while keys are rotated', async () => {
    const answers = await Promise.all([key, otherKey].map((by) => send(callOf('echo', { text: '' }), { key: by })))
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
  })

  it('refuses a signature that is not ours, is stale, or is of another body, and runs nothing', async () => {
    const [strange, stale, tampered] = [1, 2, 3].map(() => callOf('mail.posted', { text: 'must not run' }))
    const refused = [
      await send(strange!, { key: `whsec_${btoa('a stranger, who has made one up')}` }),
      await send(stale!, { at: new Date(Date.now() - 6 * 60_000) }),
      await send(tampered!, { body: JSON.stringify({ ...tampered, args: { text: 'tampered' } }) }),
      await running.call('echo', {}, JSON.stringify(callOf('echo', { text: '' }))),
    ]
    expect(refused.map(({ status }) => status)).toEqual([401, 401, 401, 401])
    expect(JSON.parse(refused[0]!.text)).toMatchObject({ error: { code: 'UNAUTHORIZED' } })
  })

  it('posts the receipt of a worker that says so', async () => {
    const call = callOf('mail.posted', { text: 'later' })
    expect(read(await send(call))).toEqual({ kind: 'accepted' })
    expect(await receiver.posted(call.id)).toEqual({ status: 'success', result: { text: 'later' } })
  })

  it('posts the receipt of any worker to a caller that does not wait for it', async () => {
    // started and loaded before the short limit counts
    await send(callOf('slow', {}, 1))
    const call = callOf('slow', {}, 2_000)
    const answer = await running.call(
      'slow',
      { ...signed(call), prefer: 'respond-async, wait=0' },
      JSON.stringify(call),
    )
    expect(read(answer)).toEqual({ kind: 'accepted' })
    expect(await receiver.posted(call.id)).toMatchObject({ status: 'failure', error: { code: 'TIMEOUT' } })
    const quick = callOf('echo', { text: 'at once' })
    const headers = { ...signed(quick), prefer: 'respond-async, wait=20' }
    expect(read(await running.call('echo', headers, JSON.stringify(quick)))).toMatchObject({ kind: 'receipt' })
  })

  it('ends an attempt at its deadline', async () => {
    const answer = read(await send(callOf('slow', {}, 300)))
    expect(answer).toMatchObject({ kind: 'receipt', receipt: { status: 'failure', error: { code: 'TIMEOUT' } } })
  })

  it('tells an error with its cause and a stack that points into the source', async () => {
    const answer = read(await send(callOf('boom', {})))
    expect(answer).toMatchObject({ kind: 'receipt', receipt: { status: 'failure', error: { message: 'too large' } } })
    if (answer.kind !== 'receipt' || answer.receipt.status !== 'failure') throw new Error('unreachable')
    expect(answer.receipt.error.stack).toMatch(platform.place)
    expect(answer.receipt.error.cause?.message ?? answer.receipt.error.stack).toContain('a number')
  })

  it('hands on how long an API that answers 429 wants to be left alone', async () => {
    const answer = read(await send(callOf('limited', { api: receiver.busyApi })))
    const waitMs = answer.kind === 'failed' ? answer.retryAfterMs : answer.kind === 'receipt' && answer.receipt
    expect([7_000, expect.objectContaining({ status: 'failure', retryAfter: '7s' })]).toContainEqual(waitMs)
  })

  it('takes args of the size that the coordinator does, and answers with as much', async () => {
    const text = '"ä🐋"'.repeat(100_000)
    expect(Buffer.byteLength(text)).toBeGreaterThan(700_000)
    const answer = read(await send(callOf('echo', { text })))
    expect(answer).toMatchObject({ kind: 'receipt', receipt: { status: 'success' } })
    expect(answer.kind === 'receipt' && answer.receipt.status === 'success' && answer.receipt.result).toEqual({ text })
  })

  it('serves calls that come together', async () => {
    const texts = Array.from({ length: 10 }, (_, index) => String(index))
    const answers = await Promise.all(texts.map(async (text) => read(await send(callOf('echo', { text })))))
    expect(answers).toEqual(
      texts.map((text) => ({ kind: 'receipt', receipt: { status: 'success', result: { text } } })),
    )
  })
})
