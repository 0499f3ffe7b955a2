/** Who is let in before what is read: by both doors, over real sockets where it is about them. */
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import { openapi } from '../../server/rest/openapi.js'
import { listen } from '../../server/listen.js'
import { router } from '../../server/router/index.js'
import { testErrand, type TestErrand, type TestErrandOptions } from '../support/errand.js'
import { handOperated } from '../support/handOperated.js'
import { workers } from '../client/workers.js'

const operator = 'the-key-of-an-admin'
const apiKeys = [{ role: 'operate' as const, key: operator }]
const mail = (subject = 'hello') => ({ worker: 'mail.send', args: { to: 'ada@example.org', subject }, delay: '1h' })

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: any // oxlint-disable-line typescript/no-explicit-any
}

interface Sent {
  method?: string
  path: string
  headers?: Record<string, string>
  /** Each piece is a chunk. */
  pieces?: string[]
  /** With its length told beforehand, in one piece. */
  body?: string
}

interface Served extends AsyncDisposable {
  errand: TestErrand
  url: string
  send(request: Sent, agent?: Agent): Promise<Answer>
}

async function served(options: TestErrandOptions = {}): Promise<Served> {
  const errand = await testErrand(workers, options)
  const listening = await listen({
    fetch: (request) => errand.coordinator.fetch(request),
    host: '127.0.0.1',
    port: 0,
    setting: 'PORT',
  })
  const { url } = listening
  return {
    errand,
    url,
    send: ({ method = 'POST', path, headers, pieces, body }, agent) =>
      new Promise((resolve, reject) => {
        const sent = httpRequest(
          url + path,
          {
            method,
            headers: {
              'content-type': 'application/json',
              ...(pieces ? { 'transfer-encoding': 'chunked' } : {}),
              ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
              ...headers,
            },
            ...(agent ? { agent } : {}),
          },
          (response) => {
            let text = ''
            response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
            response.on('end', () =>
              resolve({ status: response.statusCode!, headers: response.headers, body: JSON.parse(text) }),
            )
          },
        )
        sent.on('error', reject)
        for (const piece of pieces ?? []) sent.write(piece)
        sent.end(body)
      }),
    async [Symbol.asyncDispose]() {
      await errand[Symbol.asyncDispose]()
      await listening.close()
    },
  }
}

const inPieces = (text: string, size: number): string[] =>
  Array.from({ length: Math.ceil(text.length / size) }, (_, index) => text.slice(index * size, (index + 1) * size))

describe('a body in chunks', () => {
  it('is read like any other, over REST', async () => {
    await using server = await served()
    const job = await server.send({ path: '/job', pieces: inPieces(JSON.stringify(mail()), 10) })
    expect(job).toMatchObject({ status: 201, body: { state: 'scheduled' } })
    const jobs = await server.send({ path: '/jobs', pieces: inPieces(JSON.stringify({ jobs: [mail(), mail()] }), 10) })
    expect(jobs).toMatchObject({ status: 200, body: { outcomes: [{ ok: true }, { ok: true }] } })
    const group = await server.send({ path: '/group', pieces: inPieces(JSON.stringify({ jobs: [mail()] }), 10) })
    expect(group).toMatchObject({ status: 201, body: { total: 1 } })
  })

  it('is read like any other, over tRPC', async () => {
    await using server = await served()
    const pieces = inPieces(JSON.stringify({ json: { jobs: [mail()] } }), 10)
    const answer = await server.send({ path: '/trpc/enqueueMany', pieces })
    expect(answer).toMatchObject({ status: 200, body: { result: { data: { json: [{ ok: true }] } } } })
  })

  it('may be a receipt', async () => {
    const functions = handOperated()
    await using server = await served({ invoke: functions.invoke })
    const id = await server.errand.enqueue('tick')
    const { call, answer } = await functions.next()
    answer({ kind: 'accepted' })
    const { pathname, search } = new URL(call.receipt)
    const receipt = JSON.stringify({ status: 'success', result: 'sent' })
    expect(await server.send({ path: pathname + search, pieces: inPieces(receipt, 7) })).toMatchObject({
      status: 200,
      body: { recorded: true },
    })
    expect((await server.errand.get(id)).state).toBe('succeeded')
  })

  it('is not taken beyond the limit, by both doors, and not read on', async () => {
    await using server = await served({ maxBodyBytes: 1_000 })
    const endless = { pieces: Array.from({ length: 64 }, () => 'x'.repeat(16_384)) }
    expect(await server.send({ path: '/job', ...endless })).toMatchObject({
      status: 413,
      body: { error: { code: 'PAYLOAD_TOO_LARGE', maxBytes: 1_000 } },
    })
    expect(await server.send({ path: '/trpc/jobs.cancel', ...endless })).toMatchObject({
      status: 413,
      body: { error: { json: { data: { errand: { code: 'PAYLOAD_TOO_LARGE' } } } } },
    })
  })
})

describe('a body that nobody expects', () => {
  it.each([
    ['POST', '/schedules/some/pause'],
    ['POST', '/schedules/some/run'],
    ['POST', '/deployments/deactivate'],
    ['DELETE', '/job/some'],
    ['POST', '/group/some/retry'],
    ['POST', '/tick'],
  ])('%s %s: is not read beyond a kilobyte, told or not', async (method, path) => {
    await using server = await served()
    const large = JSON.stringify({ reason: 'x'.repeat(2_000) })
    expect((await server.send({ method, path, body: large })).status).toBe(413)
    expect((await server.send({ method, path, pieces: inPieces(large, 500) })).status).toBe(413)
  })
})

describe('an answer that comes before the body was read', () => {
  const large = JSON.stringify(mail('x'.repeat(300_000)))
  it.each([
    ['of a told length', { body: large }],
    ['in chunks', { pieces: inPieces(large, 16_384) }],
  ])('does not break the next request on the connection (%s)', async (_, body) => {
    await using server = await served({ maxBodyBytes: 1_000, apiKeys })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const headers = { authorization: `Bearer ${operator}` }
    for (let round = 0; round < 5; round++) {
      expect((await server.send({ path: '/job', headers, ...body }, agent)).status).toBe(413)
      expect((await server.send({ path: '/job', headers, body: JSON.stringify(mail()) }, agent)).status).toBe(201)
      expect((await server.send({ path: '/jobs', ...body }, agent)).status).toBe(401)
      expect((await server.send({ path: '/job', headers, body: JSON.stringify(mail()) }, agent)).status).toBe(201)
    }
    agent.destroy()
  })

  it('closes the connection where much more is to come, and says so', async () => {
    await using server = await served({ apiKeys })
    const answer = await server.send({ path: '/jobs', headers: { 'content-length': '200000000' }, body: '{"jobs":[' })
    expect(answer).toMatchObject({ status: 401, headers: { connection: 'close' } })
  })
})

describe('without a key', () => {
  const procedures = Object.keys(router._def.procedures).map((path) => ['POST', `/trpc/${path}`])
  const batch = ['POST', '/trpc/keys.create,jobs.cancel,enqueue?batch=1']
  const routes = Object.entries(openapi.paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((method) => method !== 'get')
      .map((method) => [method.toUpperCase(), path.replaceAll(/\{\w+\}/g, 'some')]),
  )

  it('nothing is read of a body, by any door', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    expect(procedures.length + routes.length).toBeGreaterThan(60)
    for (const [method, path] of [...routes, ...procedures, batch]) {
      let read = 0
      // nothing is asked for before somebody reads
      const body = new ReadableStream({ pull: () => void read++ }, { highWaterMark: 0 })
      const init = { method, body, duplex: 'half', headers: { 'content-type': 'application/json' } } as RequestInit
      const response = await errand.coordinator.fetch(new Request(`http://coordinator.test${path}`, init))
      // a stream begins before it tells what is wrong
      const told = response.status === 200 ? await response.text() : String(response.status)
      expect([method, path, told, read]).toEqual([method, path, expect.stringMatching(/^401$|"UNAUTHORIZED"/), 0])
    }
  })
})
