import { describe, expect, it } from 'vitest'
import { createClient, ErrandError } from '../../client/index.js'
import { manualClock } from '../support/clock.js'
import { testErrand } from '../support/errand.js'
import { wireHeader, wireVersion } from '../../core/wireVersion.js'
import { clientOf, gate, refused, url } from './support.js'
import { workers } from './workers.js'

const apiKey = 'a-very-secret-key'

/** Everything an error could print, causes included. */
function textOf(error: unknown): string {
  const texts: string[] = []
  for (let at = error; at instanceof Error; at = at.cause) {
    texts.push(String(at), at.stack ?? '', JSON.stringify(at))
  }
  return texts.join('\n')
}

const failureOf = async (promise: Promise<unknown>): Promise<ErrandError> => {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(ErrandError)
  return error as ErrandError
}

describe('a call', () => {
  it('sends the API key, and nothing else says it', async () => {
    await using errand = await testErrand(workers, { apiKeys: [{ role: 'enqueue', key: apiKey }] })
    const { client, sent } = clientOf(errand, { apiKey })
    await client.enqueue('tick')
    expect(sent[0]!.headers.get('authorization')).toBe(`Bearer ${apiKey}`)
    const forbidden = await failureOf(client.jobs.list())
    expect(forbidden).toMatchObject({ code: 'FORBIDDEN', message: expect.stringContaining('observe or operate') })
    expect(textOf(forbidden)).not.toContain(apiKey)
  })

  it('says that the coordinator cannot be reached, where, why, and what to check', async () => {
    const client = createClient({
      retryFor: '0s',
      url: `${url}/some/path`,
      apiKey,
      fetch: async () => {
        throw refused()
      },
    })
    const error = await failureOf(client.enqueue('tick'))
    expect(error.code).toBe('UNAVAILABLE')
    expect(error.message).toBe(
      `The coordinator at ${url} cannot be reached (ECONNREFUSED). Check that it runs, that \`url\` is its address, and that this machine may connect to it.`,
    )
    expect(textOf(error)).not.toContain(apiKey)
  })

  it('reaches nobody on a port where nobody listens, with the real fetch', async () => {
    const error = await failureOf(createClient({ url: 'http://127.0.0.1:1', apiKey }).workers.list())
    expect(error).toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('http://127.0.0.1:1 cannot be reached'),
    })
    expect(textOf(error)).not.toContain(apiKey)
  })

  it('fails when the coordinator takes too long', async () => {
    const clock = manualClock()
    const fetching = gate()
    const client = createClient({
      retryFor: '0s',
      url,
      clock,
      timeout: '10s',
      fetch: (_, init) =>
        new Promise((_, reject) => {
          init.signal!.addEventListener('abort', () => reject(init.signal!.reason as Error))
          fetching.open()
        }),
    })
    const failure = failureOf(client.workers.list())
    await fetching.opened
    await clock.advance('10s')
    expect(await failure).toMatchObject({
      code: 'UNAVAILABLE',
      message: `The coordinator at ${url} did not answer within 10s. Check that it runs and reaches its database.`,
    })
  })

  it.each([
    ['a page that is no coordinator', new Response('<html>', { status: 200 }), 'UNKNOWN_ROUTE'],
    ['another program', Response.json({ message: 'hello' }, { status: 404 }), 'UNKNOWN_ROUTE'],
    ['another program that says yes', Response.json('hello'), 'UNKNOWN_ROUTE'],
    ['a proxy whose coordinator is away', new Response('bad gateway', { status: 502 }), 'UNAVAILABLE'],
    ['a platform that is busy', Response.json({ error: 'slow down' }, { status: 429 }), 'UNAVAILABLE'],
    ['a proxy that takes less', new Response('too large', { status: 413 }), 'PAYLOAD_TOO_LARGE'],
    [
      'the coordinator, outside its router',
      Response.json({ error: { code: 'INTERNAL', message: 'The coordinator failed.' } }, { status: 500 }),
      'INTERNAL',
    ],
  ])('tells apart the answers: %s', async (_, answer, code) => {
    const client = createClient({ url, retryFor: '0s', fetch: async () => answer })
    const error = await failureOf(client.enqueue('tick'))
    expect(error.code).toBe(code)
  })

  it('gives every gathered caller the error of their request', async () => {
    const client = createClient({ url, retryFor: '0s', fetch: async () => new Response('', { status: 503 }) })
    const outcomes = await Promise.allSettled([client.enqueue('a'), client.enqueue('b')])
    expect(outcomes).toMatchObject([{ reason: { code: 'UNAVAILABLE' } }, { reason: { code: 'UNAVAILABLE' } }])
  })

  it('goes to the coordinator behind a path', async () => {
    const paths: string[] = []
    const client = createClient({
      retryFor: '0s',
      url: 'https://example.org/errand/?x=1',
      fetch: async (input) => {
        paths.push(input)
        return Response.json({ result: { data: { json: { workers: [] } } } })
      },
    })
    expect(await client.workers.list()).toEqual([])
    expect(paths[0]).toMatch(/^https:\/\/example\.org\/errand\/trpc\/workers\.list(\?|$)/)
  })
})

describe('createClient', () => {
  it.each([
    ['no address', { url: 'coordinator:4100' }, '`url`'],
    ['a password in the address', { url: 'http://user:a-very-secret-key@host' }, '`url`'],
    ['a key with a line break', { url, apiKey: `${apiKey}\n` }, '`apiKey`'],
    ['a timeout that is no duration', { url, timeout: '30' as '30s' }, '`timeout`'],
  ])('refuses %s, and does not repeat a key', async (_, options, names) => {
    const create = async () => createClient(options)
    const error = await failureOf(create())
    expect(error).toMatchObject({ code: 'CONFIG', message: expect.stringContaining(names) })
    expect(textOf(error)).not.toContain(apiKey)
  })
})

describe('the version of the wire', () => {
  it('goes with each request and answer', async () => {
    await using errand = await testErrand(workers)
    const answered: (string | null)[] = []
    const { client, sent } = clientOf(errand, {
      fetch: async (input, init) => {
        const response = await errand.coordinator.fetch(new Request(input, init))
        answered.push(new Headers(init.headers).get(wireHeader), response.headers.get(wireHeader))
        return response
      },
    })
    await client.enqueue('tick')
    expect(sent).toEqual([])
    expect(answered).toEqual([String(wireVersion), String(wireVersion)])
  })

  it('is refused where the two are of releases too far apart, and nothing is stored', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand, {
      fetch: (input, init) => {
        const headers = { ...(init.headers as Record<string, string>), [wireHeader]: String(wireVersion + 2) }
        return Promise.resolve(errand.coordinator.fetch(new Request(input, { ...init, headers })))
      },
    })
    await expect(client.enqueue('tick')).rejects.toMatchObject({
      code: 'WIRE_VERSION',
      message: expect.stringContaining('update the coordinator'),
    })
    expect((await clientOf(errand).client.jobs.list()).jobs).toEqual([])
  })
})
