/** HTTP as other people's clients do it: over real sockets, and as it came. */
import { request as httpRequest, type RequestOptions } from 'node:http'
import { describe, expect, it } from 'vitest'
import { errorCodes, type ErrorCode } from '../../../core/errorCodes.js'
import { rawServer } from '../../support/rawHttp.js'
import { workers } from '../../client/workers.js'

const operator = 'the-key-of-an-admin'
const apiKeys = [{ role: 'operate' as const, key: operator }]
const authorization = `Bearer ${operator}`
const mail = JSON.stringify({ worker: 'mail.send', args: { to: 'ada@example.org', subject: 'hello' }, delay: '1h' })
const errorOf = (body: any) => body.error.json?.data.errand ?? body.error // oxlint-disable-line typescript/no-explicit-any

const percentEncoded = (character: string) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`

describe('HEAD', () => {
  it.each(['/healthz', '/readyz', '/jobs', '/jobs?limit=none', '/openapi.json', '/metrics', '/nowhere', '/jobs/some'])(
    'answers as GET does, without a body: %s',
    async (path) => {
      await using server = await rawServer(workers)
      const [get, head] = [await server.ask({ path }), await server.ask({ method: 'HEAD', path })]
      expect(head.text).toBe('')
      expect(head.status).toBe(get.status)
      expect(head.headers['content-type']).toBe(get.headers['content-type'])
    },
  )

  it('reads the query as GET does', async () => {
    await using server = await rawServer(workers)
    expect((await server.ask({ method: 'HEAD', path: '/jobs?limit=none' })).status).toBe(400)
  })

  it('asks by tRPC as GET does, and leaves no stream open', async () => {
    await using server = await rawServer(workers)
    const input = encodeURIComponent(JSON.stringify({ json: { ids: ['none'] } }))
    const paths = ['/trpc/jobs.list', '/trpc/workers.list', '/trpc/nothing', '/trpc/jobs.cancel']
    for (const path of [...paths, `/trpc/jobs.ended?input=${input}`]) {
      const [get, head] = [await server.ask({ path }), await server.ask({ method: 'HEAD', path })]
      expect([path, head.status, head.text]).toEqual([path, get.status, ''])
    }
  })

  it('needs a key where GET does', async () => {
    await using server = await rawServer(workers, { apiKeys })
    expect((await server.ask({ method: 'HEAD', path: '/jobs' })).status).toBe(401)
    expect((await server.ask({ method: 'HEAD', path: '/trpc/workers.list' })).status).toBe(401)
    expect((await server.ask({ method: 'HEAD', path: '/jobs', headers: { authorization } })).status).toBe(200)
    expect((await server.ask({ method: 'HEAD', path: '/healthz' })).status).toBe(200)
  })
})

describe('OPTIONS', () => {
  it.each([
    ['/healthz', 'GET, HEAD, OPTIONS'],
    ['/job', 'POST, OPTIONS'],
    ['/jobs/', 'POST, GET, HEAD, OPTIONS'],
    ['/schedules/a%3Ab', 'GET, HEAD, PATCH, DELETE, OPTIONS'],
    ['/trpc/jobs.list', 'GET, HEAD, POST, OPTIONS'],
    ['/trpc/jobs.cancel', 'POST, OPTIONS'],
    ['/trpc/jobs.list,jobs.cancel?batch=1', 'POST, OPTIONS'],
    ['*', 'GET, HEAD, POST, DELETE, PATCH, OPTIONS'],
  ])('says by which methods an address is called: %s', async (path, allow) => {
    await using server = await rawServer(workers, { apiKeys })
    expect(await server.ask({ method: 'OPTIONS', path })).toMatchObject({ status: 204, headers: { allow }, text: '' })
  })

  it('gives a web page of another origin no leave', async () => {
    await using server = await rawServer(workers)
    const asked = {
      origin: 'https://other.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    }
    for (const path of ['/job', '/trpc/jobs.cancel']) {
      const { headers } = await server.ask({ method: 'OPTIONS', path, headers: asked })
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    }
  })

  it.each(['/nowhere', '/trpc/nothing', '/trpc', '/jobs//x'])('is 404 where nothing is: %s', async (path) => {
    await using server = await rawServer(workers)
    const { status, body } = await server.ask({ method: 'OPTIONS', path })
    expect([status, body.error.code]).toEqual([404, 'UNKNOWN_ROUTE'])
  })
})

describe('another method than those of the address', () => {
  it.each([
    ['DELETE', '/jobs', 'POST, GET, HEAD, OPTIONS'],
    ['HEAD', '/job', 'POST, OPTIONS'],
    ['PROPFIND', '/healthz', 'GET, HEAD, OPTIONS'],
    ['PUT', '/trpc/jobs.list', 'GET, HEAD, POST, OPTIONS'],
    ['GET', '/trpc/jobs.cancel', 'POST, OPTIONS'],
    ['DELETE', '/trpc/jobs.cancel/', 'POST, OPTIONS'],
  ])('is 405 with `Allow`: %s %s', async (method, path, allow) => {
    await using server = await rawServer(workers)
    const { status, headers, body } = await server.ask({ method, path })
    expect([status, headers['allow']]).toEqual([405, allow])
    expect(method === 'HEAD' || errorOf(body).code === 'METHOD_NOT_ALLOWED').toBe(true)
    expect(server.lines).toEqual([])
  })
})

describe('what is not there', () => {
  it.each([
    ['GET', '/nowhere'],
    ['GET', '/'],
    ['GET', '//jobs'],
    ['GET', '/nowhere%'],
    ['POST', '/constructor'],
    ['GET', '/trpc'],
    ['POST', '/trpc'],
    ['GET', '/trpc/'],
    ['POST', '/trpc/'],
    ['GET', '/trpc/nothing'],
    ['POST', '/trpc/nothing'],
    ['POST', '/trpc/nothing/'],
    ['PUT', '/trpc/nothing'],
    ['GET', '/trpc/__proto__'],
    ['POST', '/trpc/jobs'],
    ['GET', '/trpc/jobs/list'],
    ['GET', '/trpc/%'],
    ['GET', '/trpc/%FF'],
    ['POST', '/trpc/%E0%A4%A'],
  ])('is 404 by either door, and no fault of ours: %s %s', async (method, path) => {
    await using server = await rawServer(workers)
    for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencoded']) {
      const body = method === 'GET' ? {} : { body: '{}' }
      const answer = await server.ask({ method, path, headers: { 'content-type': type }, ...body })
      expect([answer.status, answer.headers['content-type']]).toEqual([404, 'application/json'])
      expect(errorOf(answer.body)).toMatchObject({ code: 'UNKNOWN_ROUTE', docs: 'docs/errors.md#unknown_route' })
    }
    expect(server.lines).toEqual([])
  })

  it('spoils no other call of its batch', async () => {
    await using server = await rawServer(workers)
    const answer = await server.ask({ path: '/trpc/nothing,workers.list?batch=1' })
    expect(answer).toMatchObject({ status: 207, body: [{ error: {} }, { result: {} }] })
    expect(errorOf(answer.body[0]).code).toBe('UNKNOWN_ROUTE')
    expect(server.lines).toEqual([])
  })
})

describe('an address', () => {
  it('may end in a slash', async () => {
    await using server = await rawServer(workers)
    const { errand } = server
    await errand.post('/schedules', { id: 'a:b', worker: 'tick', every: '1d' })
    expect(await server.ask({ method: 'POST', path: '/job/', body: mail })).toMatchObject({ status: 201 })
    expect(await server.ask({ path: '/jobs/?limit=1' })).toMatchObject({ status: 200, body: { jobs: [{}] } })
    for (const path of ['/healthz/', '/workers/', '/schedules/a:b/', '/metrics/', '/trpc/workers.list/']) {
      expect([path, (await server.ask({ path })).status]).toEqual([path, 200])
    }
    // as much is read as without the slash
    const jobs = JSON.stringify({ json: { jobs: [{ ...JSON.parse(mail), key: 'x'.repeat(100) }], atomic: false } })
    const padded = jobs.padEnd(300_000)
    expect(await server.ask({ method: 'POST', path: '/trpc/enqueueMany/', body: padded })).toMatchObject({
      status: 200,
    })
  })

  it('may have a percent-encoded id', async () => {
    await using server = await rawServer(workers)
    for (const id of ['a:b', 'a.b-c_d']) {
      await server.errand.post('/schedules', { id, worker: 'tick', every: '1d' })
      for (const encoded of [id, encodeURIComponent(id), id.replaceAll(/./g, percentEncoded)]) {
        const path = `/schedules/${encoded}`
        expect(await server.ask({ path })).toMatchObject({ status: 200, body: { id } })
        expect(await server.ask({ method: 'POST', path: `${path}/pause` })).toMatchObject({ status: 200, body: { id } })
      }
    }
    for (const id of ['ä ö', '100%', 'a/b', 'a?b#c', '%41']) {
      const { body } = await server.ask({ path: `/schedules/${encodeURIComponent(id)}` })
      expect(body.error).toMatchObject({ code: 'UNKNOWN_SCHEDULE', message: `There is no schedule "${id}".` })
    }
    expect(await server.ask({ path: '/workers/mail%2Esend' })).toMatchObject({ body: { name: 'mail.send' } })
  })

  it.each(['%', '%E0%A4%A', '%FF', '%zz', '%00', '..%2F..', '%C0%AE'])(
    'is no fault of ours where its id cannot be decoded: %s',
    async (id) => {
      await using server = await rawServer(workers)
      for (const [method, path] of [
        ['GET', `/schedules/${id}`],
        ['GET', `/jobs/${id}`],
        ['DELETE', `/jobs/${id}`],
        ['GET', `/workers/${id}`],
        ['GET', `/jobs?worker=${id}`],
        ['GET', `/trpc/jobs.get?input=${id}`],
      ] as const) {
        const { status, body } = await server.ask({ method, path })
        const statusOfCode = status === 200 ? 200 : errorCodes[errorOf(body).code as ErrorCode]
        expect([path, status, status < 500]).toEqual([path, statusOfCode, true])
      }
      expect(server.lines).toEqual([])
    },
  )
})

describe('a client that would speak HTTP/2', () => {
  // Java's HttpClient asks so with its first request to each address that is not https
  const upgrade = {
    connection: 'Upgrade, HTTP2-Settings',
    upgrade: 'h2c',
    'http2-settings': 'AAEAAEAAAAIAAAABAAMAAABk',
  }

  it('is answered by HTTP/1.1, and its body is read', async () => {
    await using server = await rawServer(workers)
    const { port } = new URL(server.url)
    const asked = (request: RequestOptions, body = '') =>
      new Promise<number>((resolve, reject) => {
        const sent = httpRequest({ host: '127.0.0.1', port, headers: upgrade, ...request }, (answer) => {
          answer.resume().on('end', () => resolve(answer.statusCode!))
        })
        sent.on('error', reject)
        sent.end(body)
      })
    expect(await asked({ path: '/healthz' })).toBe(200)
    const headers = { ...upgrade, 'content-type': 'application/json', 'content-length': Buffer.byteLength(mail) }
    expect(await asked({ method: 'POST', path: '/job', headers }, mail)).toBe(201)
  })
})
