import type { LookupAddress } from 'node:dns'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { isPublicAddress, mayBePrivate, type PrivateFunctions } from '../../../server/functions/addressGuard.js'
import { createHttpInvoker, type HttpInvokerOptions } from '../../../server/functions/invoke.js'
import { testErrand } from '../../support/errand.js'
import type { Answer } from '../../../server/deps.js'

const refused = expect.objectContaining({ kind: 'failed', code: 'ADDRESS_REFUSED' }) as Answer
const success = { kind: 'receipt', receipt: { status: 'success' } }

let port = 0
let connections = 0
const server = createServer((_, response) => response.end('{"status":"success"}'))

beforeAll(async () => {
  server.on('connection', () => connections++).listen(0)
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
beforeEach(() => (connections = 0))
afterAll(() => server.close())

/** One call of a new invoker. */
async function answerOf(host: string, options: Partial<HttpInvokerOptions>, protocol = 'http'): Promise<Answer> {
  const invoker = createHttpInvoker({ connections: 1, ...options })
  const call = {
    worker: 'work',
    url: `${protocol}://${host}:${port}/work`,
    headers: {},
    body: '{}',
    signal: new AbortController().signal,
  }
  try {
    return await invoker.invoke({ ...call, onAbort: () => {} })
  } finally {
    await invoker.close()
  }
}

/** The machine's resolver, as it would be for names of somebody else. */
function resolver(...answers: LookupAddress[][]) {
  const asked: string[] = []
  const resolve = ((host: string, _: unknown, callback: (error: null, found: LookupAddress[]) => void) => {
    asked.push(host)
    callback(null, answers[asked.length - 1] ?? [])
  }) as unknown as NonNullable<HttpInvokerOptions['resolve']>
  return { asked, resolve }
}

const nowhere = () => false
const loopback: LookupAddress = { address: '127.0.0.1', family: 4 }

describe('a function that may only be at a public address', () => {
  it.each([
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
    '10.1.2.3',
    '169.254.169.254',
    '[fd00:ec2::254]',
  ])('is not called at %s', async (host) => {
    expect(await answerOf(host, { mayBePrivate: nowhere })).toEqual(refused)
    expect(connections).toBe(0)
  })

  it('is not called by a name that leads to another one, whatever it said before', async () => {
    const { asked, resolve } = resolver([loopback], [{ address: '::1', family: 6 }, loopback])
    for (let call = 0; call < 2; call++) {
      const answer = await answerOf('functions.example.org', { mayBePrivate: nowhere, resolve })
      expect(answer).toEqual(refused)
      expect(answer).toMatchObject({
        message: expect.stringMatching(/functions\.example\.org is not at .* ERRAND_PRIVATE_FUNCTIONS/) as string,
      })
    }
    expect(asked).toHaveLength(2)
    expect(connections).toBe(0)
  })

  it('is not called over TLS either', async () => {
    const { resolve } = resolver([loopback])
    expect(await answerOf('functions.example.org', { mayBePrivate: nowhere, resolve }, 'https')).toEqual(refused)
    expect(await answerOf('127.0.0.1', { mayBePrivate: nowhere }, 'https')).toEqual(refused)
    expect(connections).toBe(0)
  })

  it('is called at what was looked at: the name is asked for once for each connection', async () => {
    const { asked, resolve } = resolver([loopback])
    expect(await answerOf('functions.example.org', { resolve })).toEqual(success)
    expect(asked).toEqual(['functions.example.org'])
    expect(connections).toBe(1)
  })

  it('is refused by a name of its own machine as well', async () => {
    expect(await answerOf('localhost', { mayBePrivate: nowhere })).toEqual(refused)
    expect(await answerOf('localhost', {})).toEqual(success)
  })

  it('and cannot be found is unreachable, not refused', async () => {
    const gone = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
    const resolve = ((_: string, __: unknown, callback: (error: Error) => void) => callback(gone)) as never
    expect(await answerOf('functions.example.org', { mayBePrivate: nowhere, resolve })).toMatchObject({
      code: 'UNREACHABLE',
    })
  })
})

it.each([
  '10.0.0.1',
  '100.64.0.1',
  '127.255.255.254',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.170.2',
  '198.19.0.1',
  '192.0.2.1',
  '203.0.113.9',
  '224.0.0.1',
  '255.255.255.255',
  '::ffff:10.0.0.1',
  '::ffff:a00:1',
  '::10.0.0.1',
  '64:ff9b::a00:1',
  '2002:a00:1::',
  '2001:db8::1',
  'fc00::1',
  'fe80::1',
  'fe80::1%eth0',
  'ff02::1',
  'functions',
])('%s is no public address', (address) => expect(isPublicAddress(address)).toBe(false))

it.each([
  '8.8.8.8',
  '100.63.255.255',
  '172.15.0.1',
  '172.32.0.1',
  '::ffff:8.8.8.8',
  '64:ff9b::8.8.8.8',
  '2606:4700::1111',
])('%s is a public address', (address) => expect(isPublicAddress(address)).toBe(true))

describe('whether a function may be on a private network', () => {
  it.each([
    ['http://127.0.0.1:4101', '127.0.0.1', true],
    ['http://127.0.0.1:4101', '10.0.0.1', false],
    ['http://127.0.0.1:4101', 'localhost', false],
    ['http://[::1]:4101', '::1', true],
    ['http://localhost:4101', 'localhost', true],
    ['http://functions:8080', 'functions', true],
    ['http://functions:8080', 'others', false],
    ['http://functions.jobs.svc.cluster.local', 'functions.jobs.svc.cluster.local', true],
    ['http://{worker}.internal:8080', 'mail-send.internal', true],
    ['http://{worker}.internal:8080', 'mail.send.internal', false],
    ['https://functions.example.org', 'functions.example.org', false],
    ['https://functions.example.org', 'functionsxexample.org', false],
    ['mail.*=http://10.0.0.7:80,*=https://functions.example.org', '10.0.0.7', true],
    ['mail.*=http://10.0.0.7:80,*=https://functions.example.org', 'functions.example.org', false],
  ])('is said by ERRAND_FUNCTIONS_URL=%s: %s, %s', (functionsUrl, host, may) => {
    expect(mayBePrivate(undefined, functionsUrl)(host)).toBe(may)
    expect(mayBePrivate('allow', functionsUrl)(host)).toBe(true)
    expect(mayBePrivate('refuse', functionsUrl)(host)).toBe(false)
  })

  const patient = defineJob({ args: z.object({}), retry: { attempts: 2, backoff: ['7s'] }, run: () => null })

  it.each([
    [
      'refuse',
      { state: 'scheduled', runAt: '2030-01-01T00:00:07.000Z', receipts: [{ error: { code: 'ADDRESS_REFUSED' } }] },
    ],
    [undefined, { state: 'succeeded', receipts: [{ status: 'success' }] }],
  ] as const)('is kept by a coordinator: %s', async (privateFunctions: PrivateFunctions | undefined, then) => {
    await using errand = await testErrand({ patient }, {
      functionsUrl: `http://127.0.0.1:${port}`,
      invoke: undefined,
      ...(privateFunctions && { privateFunctions }),
    } as object)
    const id = await errand.enqueue('patient')
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(id)).toMatchObject(then)
  })
})
