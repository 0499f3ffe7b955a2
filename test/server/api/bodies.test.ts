/** Bodies as other people's clients send them: packed, marked, in another encoding; and answers that come before them. */
import { once } from 'node:events'
import { Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readText } from '../../../server/api/requestBody.js'
import { testErrand } from '../../support/errand.js'
import { handOperated } from '../../support/handOperated.js'
import { rawServer } from '../../support/rawHttp.js'
import { workers } from '../../client/workers.js'

const operator = 'the-key-of-an-admin'
const apiKeys = [{ role: 'operate' as const, key: operator }]
const authorization = `Bearer ${operator}`
const job = (subject = 'hello') =>
  JSON.stringify({ worker: 'mail.send', args: { to: 'ada@example.org', subject }, delay: '1h' })
const errorOf = (body: any) => body.error.json?.data.errand ?? body.error // oxlint-disable-line typescript/no-explicit-any

const doors = [
  ['REST', '/job', (text: string) => text],
  ['tRPC', '/trpc/enqueue', (text: string) => `{"json":${text}}`],
] as const

const packings = [
  ['gzip', gzipSync],
  ['x-gzip', gzipSync],
  ['GZIP', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
] as const

describe('a packed body', () => {
  it.each(packings)('is unpacked, by either door: %s', async (encoding, pack) => {
    await using server = await rawServer(workers)
    for (const [, path, form] of doors) {
      const body = pack(form(job('x'.repeat(100_000))))
      const answer = await server.ask({ method: 'POST', path, body, headers: { 'content-encoding': encoding } })
      expect([path, answer.status]).toEqual([path, path === '/job' ? 201 : 200])
    }
  })

  it('may come in chunks, byte by byte', async () => {
    await using server = await rawServer(workers)
    const chunks = [...gzipSync(job())].map((byte) => Buffer.concat([Buffer.from('1\r\n'), Buffer.of(byte, 13, 10)]))
    const head = `POST /job HTTP/1.1\r\nhost: ${new URL(server.url).host}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n`
    expect(await server.talk(Buffer.concat([Buffer.from(head), ...chunks, Buffer.from('0\r\n\r\n')]))).toMatch(
      /^HTTP\/1\.1 201 /,
    )
  })

  it('may be a receipt', async () => {
    const functions = handOperated()
    await using server = await rawServer(workers, { invoke: functions.invoke })
    const id = await server.errand.enqueue('tick')
    const { call, answer } = await functions.next()
    answer({ kind: 'accepted' })
    const { pathname, search } = new URL(call.receipt)
    const body = gzipSync(JSON.stringify({ status: 'success', result: 'sent' }))
    const headers = { 'content-encoding': 'gzip' }
    expect(await server.ask({ method: 'POST', path: pathname + search, body, headers })).toMatchObject({ status: 200 })
    expect((await server.errand.get(id)).state).toBe('succeeded')
  })

  it('is measured by what is in it, and the connection goes on behind it', async () => {
    await using server = await rawServer(workers, { maxBodyBytes: 10_000 })
    const headers = { 'content-encoding': 'gzip' }
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (const [, path, form] of doors) {
      const sent = (text: string) => post(server.url + path, { body: gzipSync(text), headers, agent })
      const most = form(job()).padEnd(10_000)
      expect([path, await sent(most)]).toEqual([path, path === '/job' ? 201 : 200])
      // by tRPC as much may come as many jobs may have
      expect([path, await sent(most.padEnd(10_001))]).toEqual([path, path === '/job' ? 413 : 200])
      expect([path, await sent(form(job('x'.repeat(9_000_000))))]).toEqual([path, 413])
      expect([path, await sent(form(job()))]).toEqual([path, path === '/job' ? 201 : 200])
    }
    agent.destroy()
  })

  it('is not larger than its limit for being packed badly', async () => {
    await using errand = await testErrand(workers, { maxBodyBytes: 100_000 })
    const body = gzipSync(job().padEnd(100_000), { level: 0 })
    expect(body.length).toBeGreaterThan(100_000)
    const init = { method: 'POST', body, headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } }
    // as on a platform, where nothing but a Request is there
    expect((await errand.coordinator.fetch(new Request('http://coordinator.test/job', init))).status).toBe(201)
  })

  it('is not read on when it unpacks to too much, or to nothing for too long', async () => {
    // an empty block, which says nothing and is followed by another one
    const emptyBlock = Buffer.of(0, 0, 0, 0xff, 0xff)
    const header = gzipSync('').subarray(0, 10)
    const packedZeros = gzipSync(Buffer.alloc(50_000_000))
    for (const [first, next] of [
      [packedZeros, packedZeros],
      [header, Buffer.concat(Array.from({ length: 200 }, () => emptyBlock))],
    ] as const) {
      let sent = 0
      let isCancelled = false
      const body = new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            const piece = sent === 0 ? first : next
            sent += piece.length
            controller.enqueue(piece)
          },
          cancel: () => void (isCancelled = true),
        },
        { highWaterMark: 0 },
      )
      const headers = { 'content-encoding': 'gzip' }
      const request = new Request('http://coordinator.test/', {
        method: 'POST',
        body,
        duplex: 'half',
        headers,
      } as RequestInit)
      const before = process.memoryUsage().rss
      await expect(readText(request, 100_000)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
      expect(process.memoryUsage().rss - before).toBeLessThan(40_000_000)
      expect(sent).toBeLessThan(packedZeros.length * 20)
      for (let turn = 0; turn < 100 && !isCancelled; turn++) await new Promise(setImmediate)
      expect(isCancelled).toBe(true)
    }
  })

  it.each([
    ['zstd', 'zstd'],
    ['two of them', 'gzip, br'],
    ['none that exists', 'snappy\t'],
  ])('is 415 where nobody can unpack it, by either door: %s', async (_, encoding) => {
    await using server = await rawServer(workers)
    for (const [, path, form] of doors) {
      const headers = { 'content-encoding': encoding }
      const answer = await server.ask({ method: 'POST', path, body: form(job()), headers })
      expect([path, answer.status, answer.headers['accept-encoding']]).toEqual([path, 415, 'gzip, deflate, br'])
      expect(errorOf(answer.body)).toMatchObject({
        code: 'UNSUPPORTED_MEDIA_TYPE',
        message: expect.stringContaining('gzip, deflate, br'),
      })
    }
  })

  it.each(packings)('is 400 where it is broken, cut off, or not packed at all: %s', async (encoding, pack) => {
    await using server = await rawServer(workers)
    const whole = pack(job('x'.repeat(1_000)))
    const flipped = Buffer.from(whole)
    flipped.fill(0xaa, 10, 30)
    for (const [, path, form] of doors) {
      for (const body of [flipped, whole.subarray(0, -9), form(job())]) {
        const answer = await server.ask({ method: 'POST', path, body, headers: { 'content-encoding': encoding } })
        expect([path, answer.status, errorOf(answer.body).code]).toEqual([path, 400, 'BAD_REQUEST'])
        expect(errorOf(answer.body).message).toContain('cannot be unpacked')
      }
    }
    expect(server.lines).toEqual([])
  })

  it('may be empty, and `identity` is no packing', async () => {
    await using server = await rawServer(workers)
    await server.errand.post('/schedules', { id: 'daily', worker: 'tick', every: '1d' })
    for (const body of ['', gzipSync('')]) {
      const headers = { 'content-encoding': 'gzip' }
      expect(await server.ask({ method: 'POST', path: '/schedules/daily/pause', body, headers })).toMatchObject({
        status: 200,
      })
    }
    const headers = { 'content-encoding': 'identity' }
    expect(await server.ask({ method: 'POST', path: '/job', body: job(), headers })).toMatchObject({ status: 201 })
  })

  it('is not touched without a key', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    for (const [, path] of doors) {
      let read = 0
      const body = new ReadableStream({ pull: () => void read++ }, { highWaterMark: 0 })
      const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
      const init = { method: 'POST', body, duplex: 'half', headers } as RequestInit
      const { status } = await errand.coordinator.fetch(new Request(`http://coordinator.test${path}`, init))
      expect([path, status, read]).toEqual([path, 401, 0])
    }
  })
})

describe('the text of a body', () => {
  const chunked = (bytes: Uint8Array) =>
    Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n0\r\n\r\n')])

  it.each(doors)('may begin with a byte order mark: %s', async (_, path, form) => {
    await using server = await rawServer(workers)
    const body = Buffer.from(`\ufeff${form(job())}`)
    const status = path === '/job' ? 201 : 200
    expect(await server.ask({ method: 'POST', path, body })).toMatchObject({ status })
    const { host } = new URL(server.url)
    const head = `POST ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`
    expect(await server.talk(Buffer.concat([Buffer.from(head), chunked(body)]))).toContain(`HTTP/1.1 ${status} `)
    const headers = { 'content-encoding': 'gzip' }
    expect(await server.ask({ method: 'POST', path, body: gzipSync(body), headers })).toMatchObject({ status })
  })

  it.each([
    ['Latin-1', Buffer.from(job('é'), 'latin1')],
    ['UTF-16', Buffer.from(`\ufeff${job()}`, 'utf16le')],
    ['UTF-8 that is cut off within a character', Buffer.from(job('😀')).subarray(0, job('😀').indexOf('😀') + 3)],
    [
      'half a pair, as UTF-8 would have it',
      Buffer.concat([Buffer.from('"'), Buffer.of(0xed, 0xa0, 0x80), Buffer.from('"')]),
    ],
  ])('is refused where it is no UTF-8: %s', async (_, body) => {
    await using server = await rawServer(workers)
    for (const [, path] of doors) {
      const answer = await server.ask({ method: 'POST', path, body })
      expect([answer.status, errorOf(answer.body).message]).toEqual([400, expect.stringContaining('UTF-8')])
    }
    expect(await server.errand.database.db.collection('errand_jobs').countDocuments()).toBe(0)
  })

  it('keeps what is in it', async () => {
    await using server = await rawServer(workers)
    const subject = 'é😀\ufeff\ufffd'
    const { body } = await server.ask({ method: 'POST', path: '/job', body: job(subject) })
    expect((await server.errand.get(body.id)).args).toMatchObject({ subject })
  })
})

describe('Expect: 100-continue', () => {
  it('is answered before the body comes, and the job is taken', async () => {
    await using server = await rawServer(workers)
    const { host, hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname).setEncoding('utf8')
    const length = Buffer.byteLength(job())
    socket.write(
      `POST /job HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`,
    )
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 100 /)
    socket.write(job())
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 201 /)
    socket.destroy()
  })
})

interface Posted {
  body: string | Uint8Array
  headers?: Record<string, string>
  agent: Agent
}

const post = (url: string, { body, headers = {}, agent }: Posted): Promise<number> =>
  new Promise((resolve, reject) => {
    const all = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)), ...headers }
    const sent = httpRequest(url, { method: 'POST', agent, headers: all }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode!))
    })
    sent.on('error', reject)
    sent.end(body)
  })

describe('an answer that comes before the body was read', () => {
  const large = job('x'.repeat(1_100_000))
  const early: [string, string, string, number][] = [
    ['too large', '/job', authorization, 413],
    ['too large, by tRPC', '/trpc/jobs.cancel', authorization, 413],
    ['no key', '/job', '', 401],
    ['no key, by tRPC', '/trpc/enqueue', '', 401],
    ['no route', '/nowhere', authorization, 404],
    ['no procedure', '/trpc/nothing', authorization, 404],
    ['no token', '/job/some/receipt?token=none', '', 401],
    ['another method', '/healthz', authorization, 405],
  ]

  it.each(early)('leaves a connection on which the next request works: %s', async (_, path, key, status) => {
    await using server = await rawServer(workers, { apiKeys })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let round = 0; round < 5; round++) {
      const headers = key === '' ? {} : { authorization: key }
      expect(await post(server.url + path, { body: large, headers, agent })).toBe(status)
      expect(await post(`${server.url}/job`, { body: job(), headers: { authorization }, agent })).toBe(201)
    }
    agent.destroy()
  })

  it.each(early)('is no end of the pool of `fetch`: %s', async (_, path, key, status) => {
    await using server = await rawServer(workers, { apiKeys })
    const send = async (path: string, body: string, authorization: string) => {
      const headers = { 'content-type': 'application/json', ...(authorization === '' ? {} : { authorization }) }
      const answer = await fetch(server.url + path, { method: 'POST', body, headers })
      await answer.arrayBuffer()
      return answer.status
    }
    const rounds = Array.from({ length: 5 }, async () => [
      await send(path, large, key),
      await send('/job', job(), authorization),
    ])
    expect(await Promise.all(rounds)).toEqual(Array.from({ length: 5 }, () => [status, 201]))
  })
})
