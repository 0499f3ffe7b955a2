import { createServer, type RequestListener } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Webhook } from 'standardwebhooks'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { createHttpInvoker } from '../../../server/functions/invoke.js'
import { bytewise, heapGrowthOf } from '../../support/bytewise.js'
import { manualClock } from '../../support/clock.js'
import { testErrand, testKey } from '../../support/errand.js'

const work = defineJob({ args: z.object({ n: z.number() }), retry: { attempts: 1 }, timeout: '30s', run: () => null })

/** A function that is a bare HTTP server, called over a real socket. */
async function withFunction(listener: RequestListener, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

async function receiptFrom(listener: RequestListener, clock = manualClock()) {
  let result: unknown
  await withFunction(listener, async (functionsUrl) => {
    await using errand = await testErrand(
      { work },
      { functionsUrl, clock, invoke: createHttpInvoker({ connections: 2 }).invoke },
    )
    const id = await errand.enqueue('work', { n: 1 })
    await errand.coordinator.dispatcher.idle()
    const job = await errand.get(id)
    result = { state: job.state, ...job.receipts[0] }
  })
  return result
}

describe('a function that', () => {
  it('answers with a receipt is called with a signed body, at its own path', async () => {
    const seen: unknown[] = []
    const receipt = await receiptFrom((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        // a second opinion on the signature: the reference package, which reads the machine's clock
        const headers = request.headers as Record<string, string>
        const call = new Webhook(testKey.replace('whsec_', '')).verify(body, headers)
        seen.push([request.url, headers['webhook-id']?.split('.')[1], call])
        response.setHeader('content-type', 'application/json').end('{"status":"success","result":[1]}')
      })
    }, manualClock(new Date()))
    expect(receipt).toMatchObject({ state: 'succeeded', result: [1] })
    expect(seen).toEqual([
      ['/work', '1', expect.objectContaining({ worker: 'work', attempt: 1, maxAttempts: 1, args: { n: 1 } })],
    ])
  })

  it.each([
    ['garbage', 200, 'hello', 'BAD_RECEIPT'],
    [
      'what takes long to parse',
      200,
      `{"status":"success","result":${'['.repeat(300_000)}${']'.repeat(300_000)}}`,
      'BAD_RECEIPT',
    ],
    ['JSON that is no receipt', 200, '{"ok":true}', 'BAD_RECEIPT'],
    ['nothing', 200, '', 'BAD_RECEIPT'],
    ['more than 4 MiB', 200, 'x'.repeat(4 * 1024 * 1024 + 1), 'ANSWER_TOO_LARGE'],
    ['an error page', 500, '<html>', 'HTTP_500'],
    ['a redirect', 302, '', 'HTTP_302'],
  ])('answers %s fails with a clear code', async (_, status, body, code) => {
    const receipt = await receiptFrom((__, response) =>
      response.writeHead(status, { location: '/elsewhere' }).end(body),
    )
    expect(receipt).toMatchObject({ state: 'failed', status: 'failure', error: { code } })
  })

  it('answers byte by byte costs its bytes and no more', async () => {
    const text = JSON.stringify({ status: 'success', result: 'x'.repeat(1_000_000) })
    await withFunction(
      ({ socket }) => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
        socket.end(bytewise(text))
      },
      async (url) => {
        const http = createHttpInvoker({ connections: 1 })
        const call = { worker: 'work', url, headers: {}, body: '{}', signal: AbortSignal.any([]), onAbort() {} }
        const answer = http.invoke(call)
        expect(await heapGrowthOf(answer)).toBeLessThan(60_000_000)
        expect(await answer).toEqual({ kind: 'receipt', receipt: JSON.parse(text) as unknown, size: text.length })
        await http.close()
      },
    )
  })

  it('hangs up fails as unreachable', async () => {
    expect(await receiptFrom((request) => request.socket.destroy())).toMatchObject({ error: { code: 'UNREACHABLE' } })
  })

  it('is not there fails as unreachable, naming the setting', async () => {
    await using errand = await testErrand(
      { work },
      { functionsUrl: 'http://127.0.0.1:9', invoke: createHttpInvoker({ connections: 1 }).invoke },
    )
    const id = await errand.enqueue('work', { n: 1 })
    await errand.coordinator.dispatcher.idle()
    const [receipt] = (await errand.get(id)).receipts
    expect(receipt).toMatchObject({ error: { code: 'UNREACHABLE' } })
    expect(receipt?.error?.message).toContain('ERRAND_FUNCTIONS_URL')
  })

  it.each([429, 503])('answers %i with Retry-After is tried again then', async (status) => {
    const patient = { ...work, retry: { attempts: 2 } }
    await withFunction(
      (_, response) => response.writeHead(status, { 'retry-after': '7' }).end(),
      async (functionsUrl) => {
        await using errand = await testErrand(
          { patient },
          { functionsUrl, invoke: createHttpInvoker({ connections: 1 }).invoke },
        )
        const id = await errand.enqueue('patient', { n: 1 })
        await errand.coordinator.dispatcher.idle()
        expect(await errand.get(id)).toMatchObject({ state: 'scheduled', runAt: '2030-01-01T00:00:07.000Z' })
      },
    )
  })

  it('answers too late is broken off at the deadline', async () => {
    let called: () => void = () => {}
    const arrived = new Promise<void>((resolve) => (called = resolve))
    await withFunction(
      () => called(),
      async (functionsUrl) => {
        await using errand = await testErrand(
          { work },
          { functionsUrl, invoke: createHttpInvoker({ connections: 1 }).invoke },
        )
        const id = await errand.enqueue('work', { n: 1 })
        await arrived
        await errand.clock.advance('30s')
        await errand.coordinator.dispatcher.idle()
        expect(await errand.get(id)).toMatchObject({ state: 'failed', receipts: [{ error: { code: 'TIMEOUT' } }] })
      },
    )
  })
})
