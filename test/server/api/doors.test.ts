/** Who is let in before what is read: by both doors, over real sockets where it is about them. */
import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { describeApi } from '../../../server/api/rest/description.js'
import { listen } from '../../../server/api/listen.js'
import { router } from '../../../server/api/router/index.js'
import { testErrand, type TestErrand, type TestErrandOptions } from '../../support/errand.js'
import { handOperated } from '../../support/handOperated.js'
import { workers } from '../../client/workers.js'

const openapi = JSON.parse(describeApi()) as { paths: Record<string, Record<string, any>> } // oxlint-disable-line typescript/no-explicit-any

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
    const group = await server.send({ path: '/groups', pieces: inPieces(JSON.stringify({ jobs: [mail()] }), 10) })
    expect(group).toMatchObject({ status: 201, body: { total: 1 } })
  })

  it('is read like any other, over tRPC', async () => {
    await using server = await served()
    const pieces = inPieces(JSON.stringify({ json: { jobs: [mail()] } }), 10)
    const answer = await server.send({ path: '/trpc/enqueueMany', pieces })
    expect(answer).toMatchObject({ status: 200, body: { result: { data: { json: { outcomes: [{ ok: true }] } } } } })
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

describe('a body with many jobs', () => {
  it('is taken up to 8 MiB by both doors, and one that holds contracts up to 16 MiB', async () => {
    await using server = await served()
    const [most, more] = [8 * 1024 * 1024, 8 * 1024 * 1024 + 1]
    const padded = (bytes: number) => `{"jobs":[]}`.padEnd(bytes)
    expect((await server.send({ path: '/jobs', body: padded(most) })).status).toBe(200)
    expect((await server.send({ path: '/jobs', body: padded(more) })).status).toBe(413)
    expect((await server.send({ path: '/groups', body: padded(more) })).status).toBe(413)
    const inTrpc = (bytes: number) => `{"json":{"jobs":[]}}`.padEnd(bytes)
    expect((await server.send({ path: '/trpc/enqueueMany', body: inTrpc(most) })).status).toBe(200)
    expect((await server.send({ path: '/trpc/enqueueMany', body: inTrpc(more) })).status).toBe(413)
    expect((await server.send({ path: '/trpc/enqueueMany,enqueueMany?batch=1', body: padded(more) })).status).toBe(413)
    // it is read, and has nothing of what belongs into it
    expect((await server.send({ path: '/deployments', body: '{}'.padEnd(2 * most) })).status).toBe(400)
    expect((await server.send({ path: '/trpc/deployments.register', body: '{}'.padEnd(2 * most + 1) })).status).toBe(
      413,
    )
  })
})

describe('a body that nobody expects', () => {
  it.each([
    ['POST', '/schedules/some/pause'],
    ['POST', '/schedules/some/run'],
    ['POST', '/deployments/deactivate'],
    ['DELETE', '/job/some'],
    ['POST', '/groups/some/retry'],
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

  it('is waited for before it is told that nobody can read the request', async () => {
    await using server = await served()
    const { host, hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname)
    let answer = ''
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text))
    socket.write(`POST * HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\ncontent-length: 10\r\n\r\n12345`)
    // an answer, and the end of the connection behind it, would meet what is still on its way: then the caller sees neither
    for (let turn = 0; turn < 300; turn++) await new Promise(setImmediate)
    expect(answer).toBe('')
    socket.write('67890')
    await once(socket, 'close')
    expect(answer).toContain('BAD_REQUEST')
  })

  it('closes the connection where much more is to come, and says so', async () => {
    await using server = await served({ apiKeys })
    const answer = await server.send({ path: '/jobs', headers: { 'content-length': '200000000' }, body: '{"jobs":[' })
    expect(answer).toMatchObject({ status: 401, headers: { connection: 'close' } })
  })
})

describe('what is wrong with a request', () => {
  const logged = (lines: string[]): TestErrandOptions => ({
    log: (level, message) => lines.push(`${level} ${message}`),
  })

  it.each([
    ['an unknown procedure', { path: '/trpc/nothing.here', body: '{}' }, 404, 'UNKNOWN_ROUTE', '"nothing.here"'],
    ['an empty procedure', { path: '/trpc/', body: '{}' }, 404, 'UNKNOWN_ROUTE', ''],
    ['a mutation by GET', { method: 'GET', path: '/trpc/jobs.cancel' }, 405, 'METHOD_NOT_ALLOWED', '"jobs.cancel"'],
    [
      'a query by PUT',
      { method: 'PUT', path: '/trpc/jobs.list', body: '{}' },
      405,
      'METHOD_NOT_ALLOWED',
      'GET and POST',
    ],
    ['malformed JSON', { path: '/trpc/jobs.cancel', body: '{"json":{"id":"secret' }, 400, 'BAD_REQUEST', 'JSON'],
    ['null', { path: '/trpc/jobs.cancel', body: 'null' }, 400, 'BAD_REQUEST', 'JSON'],
    [
      'a meta with __proto__',
      { path: '/trpc/jobs.cancel', body: '{"json":{"id":"x"},"meta":{"values":{"__proto__.x":["Date"]}}}' },
      400,
      'BAD_REQUEST',
      'superjson',
    ],
    [
      'a meta of an unknown kind',
      { path: '/trpc/jobs.cancel', body: '{"json":{"id":"x"},"meta":{"values":{"id":[["custom","x"]]}}}' },
      400,
      'BAD_REQUEST',
      'superjson',
    ],
    [
      'another type',
      { path: '/trpc/jobs.cancel', headers: { 'content-type': 'text/plain' }, body: '{}' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      'JSON',
    ],
    [
      'a form',
      {
        path: '/trpc/deployments.deactivate',
        headers: { 'content-type': 'multipart/form-data; boundary=x' },
        body: '--x--',
      },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      'JSON',
    ],
    [
      'bytes',
      { path: '/trpc/deployments.deactivate', headers: { 'content-type': 'application/octet-stream' }, body: 'x' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      'JSON',
    ],
    [
      'more calls than a batch takes',
      { path: `/trpc/${Array.from({ length: 101 }, () => 'nothing').join(',')}?batch=1`, body: '{}' },
      400,
      'BAD_REQUEST',
      '100 calls',
    ],
  ])('is told by tRPC as the fault of the caller, and not logged: %s', async (_, request, status, code, words) => {
    const lines: string[] = []
    await using server = await served(logged(lines))
    const answer = await server.send(request)
    expect([answer.status, answer.body.error.json.data.errand.code]).toEqual([status, code])
    const { message } = answer.body.error.json.data.errand
    expect(message).toContain(words)
    expect(message).not.toContain('secret')
    expect(lines).toEqual([])
  })

  it('is told by REST: another method than those of the route', async () => {
    await using server = await served()
    expect(await server.send({ method: 'PUT', path: '/schedules/daily', body: '{}' })).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD, PATCH, DELETE, OPTIONS' },
      body: { error: { code: 'METHOD_NOT_ALLOWED' } },
    })
    expect(await server.send({ path: '/nowhere', body: '{}' })).toMatchObject({ status: 404 })
  })

  it.each(['a b', '[', 'x:y:z'])('is told where it is no request: Host: %s', async (host) => {
    await using server = await served()
    expect(await server.send({ method: 'GET', path: '/healthz', headers: { host } })).toMatchObject({
      status: 400,
      body: { error: { code: 'BAD_REQUEST' } },
    })
  })

  it('fills no log, however often those without a key ask while the database is away', async () => {
    const lines: Record<string, unknown>[] = []
    const log = (_: string, message: string, fields = {}) => void lines.push({ message, ...fields })
    await using server = await served({ apiKeys: [{ role: 'operate', key: operator }], log })
    Object.assign(server.errand.coordinator.deps.keyRing, { keys: () => Promise.reject(new Error('away')) })
    const ask = () => server.send({ method: 'GET', path: '/jobs', headers: { authorization: 'Bearer nobodys' } })
    for (let times = 0; times < 50; times++) expect((await ask()).status).toBe(500)
    expect(lines).toHaveLength(20)
    await server.errand.clock.advance('1m')
    await ask()
    expect(lines[20]).toMatchObject({ message: 'a request failed', leftOut: 30 })
  })
})

/** All that may change something: routes that are no GETs, and each procedure by POST. */
const changing = [
  ...Object.entries(openapi.paths).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, { security: { apiKey?: unknown }[] }>)
      .filter(([method]) => method !== 'get')
      .map(([method, { security }]) => ({
        method: method.toUpperCase(),
        path: path.replaceAll(/\{\w+\}/g, 'some'),
        byToken: !security.some(({ apiKey }) => apiKey),
      })),
  ),
  ...Object.keys(router._def.procedures).map((path) => ({ method: 'POST', path: `/trpc/${path}`, byToken: false })),
  { method: 'POST', path: '/trpc/keys.create,jobs.cancel,enqueue?batch=1', byToken: false },
]

describe('without a key', () => {
  it('nothing is read of a body, by any door', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    expect(changing.length).toBeGreaterThan(60)
    for (const { method, path } of changing) {
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

describe('a web page of another origin', () => {
  const ownHost = '127.0.0.1:4100'
  const ask = (errand: TestErrand, method: string, path: string, headers: Record<string, string>) =>
    errand.coordinator.fetch(
      new Request(`http://${ownHost}${path}`, {
        method,
        headers: { host: ownHost, 'content-type': 'application/json', ...headers },
        body: method === 'GET' ? null : '{}',
      }),
    )

  it('changes nothing by any door of a coordinator that has no keys', async () => {
    await using errand = await testErrand(workers)
    // the token in the address of the others is as good as a key, and no page knows it
    const doors = changing.filter(({ byToken }) => !byToken)
    expect(doors.length).toBeGreaterThan(60)
    for (const { method, path } of doors) {
      const answer = await ask(errand, method, path, {
        origin: 'https://other.example',
        'sec-fetch-site': 'cross-site',
      })
      const { error } = (await answer.json()) as { error: { code: string } }
      expect([method, path, answer.status, error.code]).toEqual([method, path, 403, 'FORBIDDEN'])
    }
    for (const collection of ['jobs', 'audit', 'live', 'schedules', 'pauses', 'api_keys', 'groups']) {
      expect(await errand.database.db.collection(`errand_${collection}`).countDocuments()).toBe(0)
    }
  })

  it.each<[string, Record<string, string>, number]>([
    ['a page elsewhere', { origin: 'https://other.example', 'sec-fetch-site': 'cross-site' }, 403],
    ['a page elsewhere, in a browser that says less', { origin: 'http://other.example' }, 403],
    ['a page elsewhere that hides its origin', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a file, or a page in a sandbox', { origin: 'null' }, 403],
    ['an origin that is none', { origin: 'x' }, 403],
    ['an extension', { origin: 'chrome-extension://abc', 'sec-fetch-site': 'none' }, 403],
    ['another port of this machine', { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' }, 403],
    ['the same by its other name', { origin: 'http://localhost:4100', 'sec-fetch-site': 'cross-site' }, 403],
    ['what shows something else than a key', { origin: 'http://other.example', authorization: 'Basic YTpi' }, 403],
    // such a page gets no leave to show a key, so whoever does is no page of another origin
    ['whoever shows a key', { origin: 'http://other.example', authorization: 'Bearer some-key' }, 201],
    ['a page of the same origin', { origin: `http://${ownHost}`, 'sec-fetch-site': 'same-origin' }, 201],
    ['a program', {}, 201],
    ['a name that was bound to this machine', { host: 'evil.example', origin: 'http://evil.example' }, 403],
  ])('is told apart from others: %s', async (_, headers, status) => {
    await using errand = await testErrand(workers)
    await errand.post('/schedules', { id: 'daily', worker: 'tick', every: '1d' })
    expect((await ask(errand, 'POST', '/schedules/daily/run', headers)).status).toBe(status)
    expect(await errand.database.db.collection('errand_jobs').countDocuments()).toBe(status === 201 ? 1 : 0)
  })

  it('may look, as far as its browser lets it', async () => {
    await using errand = await testErrand(workers)
    const page = { origin: 'https://other.example', 'sec-fetch-site': 'cross-site' }
    expect((await ask(errand, 'GET', '/jobs', page)).status).toBe(200)
    expect((await ask(errand, 'GET', '/trpc/deployments.deactivate', page)).status).toBe(405)
  })

  it('is told what to do', async () => {
    await using errand = await testErrand(workers)
    const answer = await ask(errand, 'POST', '/tick', { origin: 'http://localhost:3000' })
    expect(await answer.json()).toMatchObject({ error: { message: expect.stringContaining('your own server') } })
  })
})
