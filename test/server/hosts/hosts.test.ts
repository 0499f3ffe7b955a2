/**
 * The coordinator as a function, less its platform: what it does before it is open, and how each host calls it.
 * test/platforms runs what is built.
 */
import { describe, expect, it } from 'vitest'
import { createContracts } from '../../../server/deployments/contracts.js'
import { createCoordinatorFunction } from '../../../server/hosts/coordinatorFunction.js'
import { createLambdaCoordinator } from '../../../server/hosts/lambda.js'
import { createVercelCoordinator } from '../../../server/hosts/vercel.js'
import { testDatabase } from '../../support/database.js'
import { testKey } from '../../support/errand.js'

const contracts = createContracts({})
const operator = 'the-key-of-the-operator'
const env = {
  MONGODB_URI: 'mongodb://127.0.0.1:9/errand?serverSelectionTimeoutMS=50',
  ERRAND_SIGNING_KEYS: testKey,
  ERRAND_API_KEYS: `operate:${operator}`,
  ERRAND_URL: 'https://jobs.example.org',
  ERRAND_FUNCTIONS_URL: 'https://functions.example.org',
}
const request = (path = '/jobs') =>
  new Request(`https://jobs.example.org${path}`, { headers: { authorization: `Bearer ${operator}` } })

const quiet = () => {
  const lines: string[] = []
  return { lines, log: (_: string, message: string) => void lines.push(message) }
}

describe('the coordinator as a function', () => {
  it.each(['MONGODB_URI', 'ERRAND_SIGNING_KEYS', 'ERRAND_URL', 'ERRAND_FUNCTIONS_URL'])(
    'says that %s is missing',
    async (name) => {
      const { log } = quiet()
      const answer = await createCoordinatorFunction({ contracts, log, env: { ...env, [name]: ' ' } }).fetch(request())
      expect(answer.status).toBe(500)
      expect(await answer.json()).toEqual({
        error: {
          code: 'CONFIG',
          docs: 'docs/errors.md#config',
          message: expect.stringMatching(new RegExp(`^${name} is not set\\.`)),
        },
      })
    },
  )

  it('says that its database is away, tells the log alone where it is, and opens it later', async () => {
    await using database = await testDatabase()
    const settings: Record<string, string> = { ...env }
    const { log, lines } = quiet()
    const coordinator = createCoordinatorFunction({ contracts, log, env: settings })
    const away = await coordinator.fetch(request())
    expect([away.status, await away.text()]).toEqual([503, expect.not.stringContaining('127.0.0.1')])
    expect(lines).toContain('the database cannot be opened')
    settings['MONGODB_URI'] = database.uri
    expect((await coordinator.fetch(request())).status).toBe(200)
    await coordinator.close()
  })

  it('is closed to everyone until there is a key, in the setting or in the database', async () => {
    await using database = await testDatabase()
    const { log } = quiet()
    const open = { ...env, MONGODB_URI: database.uri }
    const without = createCoordinatorFunction({ contracts, log, env: { ...open, ERRAND_API_KEYS: '' } })
    expect(await (await without.fetch(request())).json()).toMatchObject({
      error: { code: 'CONFIG', message: expect.stringContaining('ERRAND_API_KEYS is not set') },
    })
    const made = createCoordinatorFunction({ contracts, log, env: open })
    const created = await made.fetch(
      new Request(request('/keys'), {
        method: 'POST',
        headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' },
        body: '{"name":"ada","role":"operate"}',
      }),
    )
    const { key } = (await created.json()) as { key: string }
    const headers = { authorization: `Bearer ${key}` }
    expect((await without.fetch(new Request(request(), { headers }))).status).toBe(200)
    expect(await database.db.collection('errand_api_keys').findOne({})).toMatchObject({ lastUsedAt: expect.any(Date) })
    await Promise.all([without.close(), made.close()])
  })

  it('leaves no connection behind when it is closed before its first request', async () => {
    await expect(createCoordinatorFunction({ contracts, env }).close()).resolves.toBeUndefined()
  })
})

describe('on Vercel', () => {
  it('answers the cron alone, by its secret', async () => {
    const { log } = quiet()
    const tick = (given: string, secret: string) =>
      createVercelCoordinator({ contracts, log, env: { ...env, CRON_SECRET: secret } }).fetch(
        new Request('https://x/_errand/tick', { headers: { authorization: given } }),
      )
    expect((await tick('Bearer other', 'secret')).status).toBe(401)
    expect((await tick('Bearer ', '')).status).toBe(500)
    // it goes on to the database, which is away
    expect((await tick('Bearer secret', 'secret')).status).toBe(503)
  })

  it('knows its own address, in production the one that stays', async () => {
    const { log } = quiet()
    const { ERRAND_URL: _, ERRAND_FUNCTIONS_URL: __, ...rest } = env
    const ask = (more: Record<string, string>) =>
      createVercelCoordinator({ contracts, log, env: { ...rest, ...more } }).fetch(request())
    expect(await (await ask({})).text()).toContain('ERRAND_URL is not set')
    // the settings suffice, and the database is away
    expect((await ask({ VERCEL_URL: 'shop-git-main.vercel.app' })).status).toBe(503)
  })
})

describe('on Lambda', () => {
  const event = (headers: Record<string, string>, more: object = {}) => ({
    rawPath: '/jobs',
    rawQueryString: 'limit=1',
    headers: { authorization: `Bearer ${operator}`, ...headers },
    requestContext: { domainName: 'abc.lambda-url.eu-central-1.on.aws', http: { method: 'GET' } },
    ...more,
  })

  it('answers a request as the coordinator does, and sends nobody a stream', async () => {
    await using database = await testDatabase()
    const { log } = quiet()
    const { ERRAND_URL: _, ...rest } = env
    const handler = createLambdaCoordinator({ contracts, log, env: { ...rest, MONGODB_URI: database.uri } })
    expect(await handler(event({}))).toMatchObject({ statusCode: 200, body: '{"jobs":[],"cursor":null}' })
    expect(await handler(event({ accept: 'text/event-stream' }))).toMatchObject({ statusCode: 406 })
    expect(await handler({ errand: 'tick', url: 'https://abc.lambda-url.eu-central-1.on.aws/' })).toMatchObject({
      started: 0,
      more: false,
    })
  })

  it('fails its invocation where a tick fails, so that AWS counts it', async () => {
    const { log } = quiet()
    const handler = createLambdaCoordinator({ contracts, log, env })
    await expect(handler({ errand: 'tick', url: 'https://x/' })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})
