import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../core/job/defineJob.js'
import { sign } from '../../core/functions/signature.js'
import { wireHeader, wireVersion } from '../../core/wireVersion.js'
import { wrap } from '../../runtime/index.js'
import { bytewiseStream, heapGrowthOf } from '../support/bytewise.js'
import { callOf, key, otherKey, signedRequest, start, testFunction } from './support.js'

const run = vi.fn<() => string>(() => 'done')
const job = defineJob({ args: z.object({}), run })
beforeEach(() => void run.mockClear())

const minutes = (count: number) => new Date(start.getTime() + count * 60_000)

async function refusal(response: Response): Promise<{ status: number; code: string; message: string }> {
  const { error } = (await response.json()) as { error: { code: string; message: string } }
  return { status: response.status, ...error }
}

describe('the standardwebhooks package', () => {
  it('signs calls that a function takes', async () => {
    const now = new Date()
    const body = JSON.stringify(callOf({ deadline: new Date(now.getTime() + 60_000).toISOString() }))
    const response = await wrap(job, { worker: 'mail.send', keys: [key] }).fetch(
      new Request('http://functions.test/', {
        method: 'POST',
        headers: {
          'webhook-id': 'job1.1',
          'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
          'webhook-signature': new Webhook(key).sign('job1.1', now, body),
        },
        body,
      }),
    )
    expect(await response.json()).toEqual({ status: 'success', result: 'done' })
  })

  it('verifies what we sign', async () => {
    const timestamp = String(Math.floor(Date.now() / 1_000))
    const body = JSON.stringify({ text: 'naïve ✓ 🐋' })
    const headers = {
      'webhook-id': 'job1.1',
      'webhook-timestamp': timestamp,
      'webhook-signature': await sign(key, 'job1.1', timestamp, body),
    }
    expect(new Webhook(key).verify(body, headers)).toEqual({ text: 'naïve ✓ 🐋' })
    expect(() => new Webhook(otherKey).verify(body, headers)).toThrow('No matching signature')
  })
})

describe('a call', () => {
  it('runs when one of several keys signed it', async () => {
    const rotating = testFunction(job, { keys: [otherKey, key] })
    expect((await rotating.call()).status).toBe(200)
  })

  it('runs when one of its several signatures is ours, as while keys are rotated', async () => {
    const request = await signedRequest(callOf(), { key: otherKey })
    const ours = (await signedRequest(callOf())).headers.get('webhook-signature')
    request.headers.set('webhook-signature', `v1a,AAAA ${request.headers.get('webhook-signature')} ${ours}`)
    expect((await testFunction(job).handler.fetch(request)).status).toBe(200)
  })

  it.each([
    ['signed with a key that is not ours', { key: otherKey }],
    ['older than 5 minutes', { at: minutes(-5.1) }],
    ['more than 5 minutes in the future', { at: minutes(5.1) }],
  ])('is refused when %s, and nothing runs', async (_, signing) => {
    run.mockClear()
    expect(await refusal(await testFunction(job).call({}, signing))).toMatchObject({
      status: 401,
      code: 'UNAUTHORIZED',
    })
    expect(run).not.toHaveBeenCalled()
  })

  it.each([minutes(-4.9), minutes(4.9)])('is taken within the tolerance, at %s', async (at) => {
    expect((await testFunction(job).call({}, { at })).status).toBe(200)
  })

  it.each(['webhook-id', 'webhook-timestamp', 'webhook-signature'])('is refused without %s', async (header) => {
    const request = await signedRequest(callOf())
    request.headers.delete(header)
    expect((await refusal(await testFunction(job).handler.fetch(request))).status).toBe(401)
  })

  it('is refused when a byte of its body was changed', async () => {
    const request = await signedRequest(callOf({ args: { to: 'ada' } }))
    const body = (await request.text()).replace('ada', 'eve')
    const tampered = new Request(request.url, { method: 'POST', headers: request.headers, body })
    expect((await refusal(await testFunction(job).handler.fetch(tampered))).status).toBe(401)
  })

  it('is refused when its headers name another attempt than its body', async () => {
    expect(await refusal(await testFunction(job).call({ attempt: 2 }, { id: 'job1.1' }))).toMatchObject({ status: 400 })
  })

  it('is refused by the function of another worker, which names both', async () => {
    run.mockClear()
    expect(await refusal(await testFunction(job).call({ worker: 'mail.delete' }))).toEqual({
      status: 404,
      code: 'UNKNOWN_WORKER',
      message: 'This function is mail.send; the call is for "mail.delete".',
    })
    expect(run).not.toHaveBeenCalled()
  })

  it.each([
    ['has no id', { id: '' }],
    ['counts attempts from 0', { attempt: 0 }],
    ['has a deadline that is no date', { deadline: 'soon' }],
    ['has a receipt address that is no URL', { receipt: 'file:///etc/passwd' }],
  ])('is refused when it %s', async (_, overrides) => {
    expect(await refusal(await testFunction(job).call(overrides))).toMatchObject({ status: 400, code: 'BAD_REQUEST' })
  })

  it('is refused when it is no JSON', async () => {
    const timestamp = String(start.getTime() / 1_000)
    const request = new Request('http://functions.test/', {
      method: 'POST',
      headers: {
        'webhook-id': 'job1.1',
        'webhook-timestamp': timestamp,
        'webhook-signature': await sign(key, 'job1.1', timestamp, '{"id":'),
      },
      body: '{"id":',
    })
    expect((await refusal(await testFunction(job).handler.fetch(request))).status).toBe(400)
  })

  it.each([
    ['announced', { 'content-length': String(9 * 1024 * 1024) }, 1],
    ['streamed', {}, 9],
  ])('is refused when its body is too large (%s), before its signature is looked at', async (_, headers, chunks) => {
    const chunk = new Uint8Array(1024 * 1024)
    let sent = 0
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => (sent++ < chunks ? controller.enqueue(chunk) : controller.close()),
    })
    const request = new Request('http://functions.test/', {
      method: 'POST',
      headers,
      body,
      duplex: 'half',
    } as RequestInit)
    expect(await refusal(await testFunction(job).handler.fetch(request))).toMatchObject({ status: 413 })
  })

  it('tells a coordinator which version it speaks, and refuses one that is too far from it', async () => {
    const understood = await testFunction(job).handler.fetch(await signedRequest(callOf()))
    expect(understood.headers.get(wireHeader)).toBe(String(wireVersion))
    const request = await signedRequest(callOf())
    request.headers.set(wireHeader, String(wireVersion + 2))
    const response = await testFunction(job).handler.fetch(request)
    expect(response.headers.get(wireHeader)).toBe(String(wireVersion))
    expect(await refusal(response)).toMatchObject({
      status: 400,
      code: 'WIRE_VERSION',
      message: expect.stringContaining('update the function'),
    })
    expect(run).toHaveBeenCalledTimes(1)
  })

  it('refuses a body that would take too long to parse', async () => {
    const many = Array.from({ length: 1_000_001 }, () => 0)
    const request = await signedRequest(callOf({ args: { many } }))
    expect(await refusal(await testFunction(job).handler.fetch(request))).toMatchObject({ status: 413 })
    expect(run).not.toHaveBeenCalled()
  })
})

/** Node's crypto where there is any, else the Web's; told how often each makes a MAC. */
function countMacs(by: 'node' | 'web'): () => number {
  if (by === 'node') {
    const hmac = vi.spyOn(process.getBuiltinModule('node:crypto'), 'createHmac')
    return () => hmac.mock.calls.length
  }
  vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined)
  const spies = [vi.spyOn(crypto.subtle, 'sign'), vi.spyOn(crypto.subtle, 'verify')]
  return () => spies.reduce((sum, { mock }) => sum + mock.calls.length, 0)
}

describe.each(['node', 'web'] as const)('a request with many signatures, by the crypto of the %s', (by) => {
  afterEach(() => void vi.restoreAllMocks())

  const wrong = (n: number) => `v1,${btoa(String.fromCharCode(n).repeat(32))}`
  /** How a function with two keys answers to these signatures, and how many MACs of the body it made for that. */
  async function answerTo(signatures: (ours: string) => string[]) {
    const request = await signedRequest(callOf())
    request.headers.set('webhook-signature', signatures(request.headers.get('webhook-signature')!).join(' '))
    const macs = countMacs(by)
    const { handler } = testFunction(job, { keys: [otherKey, key] })
    const { status } = await handler.fetch(request)
    return { status, macs: macs() }
  }

  it.each([
    ['empty', 'v1,'],
    ['too short', `v1,${btoa('short')}`],
    ['too long', `v1,${btoa('l'.repeat(33))}`],
    ['no base64', 'v1,?'],
    ['of another version', `v1a,${btoa('a'.repeat(32))}`],
  ])('makes no MAC for such as are %s', async (_, signature) => {
    expect(await answerTo(() => Array.from({ length: 3_500 }, () => signature))).toEqual({ status: 401, macs: 0 })
  })

  it('makes one MAC for each key, however many could be one', async () => {
    expect(await answerTo(() => Array.from({ length: 200 }, (_, n) => wrong(n)))).toEqual({ status: 401, macs: 2 })
  })

  it('takes the fourth that could be one, and none behind it', async () => {
    expect(await answerTo((ours) => [wrong(1), 'v1,', wrong(2), wrong(3), ours])).toEqual({ status: 200, macs: 2 })
    expect(await answerTo((ours) => [wrong(1), wrong(2), wrong(3), wrong(4), ours])).toMatchObject({ status: 401 })
  })

  it('takes ours without its padding', async () => {
    expect(await answerTo((ours) => [ours.replace('=', '')])).toMatchObject({ status: 200 })
  })
})

it('keeps of a body that comes byte by byte its bytes and no more', async () => {
  const body = bytewiseStream(3_000_000)
  const request = new Request('http://functions.test/', { method: 'POST', body, duplex: 'half' } as RequestInit)
  const answer = testFunction(job).handler.fetch(request)
  expect(await heapGrowthOf(answer)).toBeLessThan(60_000_000)
  expect((await answer).status).toBe(401)
})

describe('the keys', () => {
  it('come from the environment that the platform passes', async () => {
    const handler = wrap(job, { worker: 'mail.send', clock: testFunction(job).clock })
    const env = { ERRAND_SIGNING_KEYS: ` ${otherKey} , ${key} `, BINDING: {} }
    expect((await handler.fetch(await signedRequest(callOf()), env)).status).toBe(200)
  })

  it('come from the environment of the process otherwise', async () => {
    vi.stubEnv('ERRAND_SIGNING_KEYS', key)
    const handler = wrap(job, { worker: 'mail.send', clock: testFunction(job).clock })
    expect((await handler.fetch(await signedRequest(callOf()))).status).toBe(200)
    vi.unstubAllEnvs()
  })

  it.each([
    ['are none', ''],
    ['are no keys', 'whsec_short'],
  ])('make every call fail with the setting to look at when they %s', async (_, setting) => {
    run.mockClear()
    const handler = wrap(job, { worker: 'mail.send' })
    const response = await handler.fetch(await signedRequest(callOf()), { ERRAND_SIGNING_KEYS: setting })
    const { status, code, message } = await refusal(response)
    expect({ status, code }).toEqual({ status: 500, code: 'CONFIG' })
    expect(message).toContain('ERRAND_SIGNING_KEYS')
    expect(message).not.toContain('whsec_short')
    expect(run).not.toHaveBeenCalled()
  })
})

describe('other methods', () => {
  it('get a line that says whose function this is, for a GET', async () => {
    const response = await testFunction(job).handler.fetch(new Request('http://functions.test/'))
    expect(await response.text()).toContain('mail.send')
  })

  it('are not allowed', async () => {
    const response = await testFunction(job).handler.fetch(new Request('http://functions.test/', { method: 'PUT' }))
    expect(response.headers.get('allow')).toBe('POST')
    expect((await refusal(response)).status).toBe(405)
  })
})

it('answers 500 when its body breaks off, and says so to the operator', async () => {
  const warn = vi.fn<(message: string) => void>()
  const body = new ReadableStream({ pull: (controller) => controller.error(new TypeError('terminated')) })
  const request = new Request('http://functions.test/', { method: 'POST', body, duplex: 'half' } as RequestInit)
  expect(await refusal(await testFunction(job, { warn }).handler.fetch(request))).toMatchObject({ code: 'INTERNAL' })
  expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/mail\.send.*terminated/))
})
