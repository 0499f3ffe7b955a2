/**
 * The coordinator as `errand build --coordinator` makes it for each platform, run by the platform's own code where that
 * is installed, with the database outside: jobs are enqueued over HTTP, run, enqueue others, and a tick starts those
 * that have come due.
 */
import { longestWaitMs } from '../../core/limits.js'
import { once } from 'node:events'
import { Agent, createServer, request, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '../../client/index.js'
import { unzipSync } from 'fflate'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readDeployment } from '../../codegen/deployment.js'
import { build } from '../../codegen/index.js'
import { vercelTickPath } from '../../core/views/tick.js'
import type { LambdaResponse } from '../../server/hosts/lambda.js'
import { testProject, worker, type TestProject } from '../codegen/project.js'
import { testDatabase, type TestDatabase } from '../support/database.js'
import { key } from '../runtime/support.js'
import { startGate } from './gate.js'
import { startFunction as startLambda } from './lambda.js'
import { disposeAll, run, type Program } from './process.js'
import { startFunction as startVercel } from './vercel.js'

const apiKey = 'the-key-of-the-operator'
const cronSecret = 'the-secret-of-the-cron'

let project: TestProject
let functions: Program
let functionsUrl: string
/** Of a later build, with another worker. */
let newFunctions: { project: TestProject; url: string; program: Program }
const dir = (target: string) => join(project.root, '.errand/build', target)

beforeAll(async () => {
  project = await testProject({
    'jobs/greet.ts': worker(
      `args: z.object({ name: z.string() }), result: z.string(), run: ({ name }) => \`Hello, \${name}!\``,
    ),
    'jobs/chain.ts': worker(
      `args: z.object({ left: z.number() }), result: z.null(), run: async ({ left }, ctx) => {
        if (left > 0) await ctx.enqueue('chain', { left: left - 1 })
        return null
      }`,
    ),
    'jobs/wait.ts': worker(
      `args: z.object({ gate: z.string() }), result: z.string(), run: async ({ gate }) => (await fetch(gate)).text()`,
    ),
    'jobs/daily.ts': worker(
      `args: z.object({}), schedule: { cron: '0 9 * * *', args: {} }, result: z.null(), run: () => null`,
    ),
  })
  await build({ root: project.root, targets: ['node', 'vercel', 'aws-lambda'], coordinator: true })
  functions = run(process.execPath, ['server.mjs'], {
    cwd: dir('node'),
    env: { ERRAND_SIGNING_KEYS: key, PORT: '0', HOST: '127.0.0.1' },
  })
  functionsUrl = (await functions.line(/ready at (\S+)/))[1]!
  const later = await testProject({
    'jobs/fresh.ts': worker(
      `args: z.object({ name: z.string() }), result: z.string(), run: ({ name }) => \`Good day, \${name}!\``,
    ),
  })
  await build({ root: later.root, targets: ['node'] })
  const program = run(process.execPath, ['server.mjs'], {
    cwd: join(later.root, '.errand/build/node'),
    env: { ERRAND_SIGNING_KEYS: key, PORT: '0', HOST: '127.0.0.1' },
  })
  newFunctions = { project: later, program, url: (await program.line(/ready at (\S+)/))[1]! }
})
afterAll(async () => {
  await functions?.[Symbol.asyncDispose]()
  await newFunctions?.program[Symbol.asyncDispose]()
  await newFunctions?.project[Symbol.asyncDispose]()
  await project?.[Symbol.asyncDispose]()
})

interface Answered {
  status: number
  body: string
}

interface Host extends AsyncDisposable {
  /** Where it listens; a Lambda has no socket of its own. */
  url?: string
  /** A request as it came. */
  answer(request: IncomingMessage, body: string): Promise<Answered>
  /** As the platform's cron does it. */
  tick(): Promise<unknown>
}

type StartHost = (settings: Record<string, string>) => Promise<Host>

async function forward(url: string, { method, url: path, headers }: IncomingMessage, body: string): Promise<Answered> {
  const response = await fetch(`${url}${path}`, {
    method: method!,
    headers: Object.entries(headers).filter(([name]) => ['authorization', 'content-type', 'accept'].includes(name)) as [
      string,
      string,
    ][],
    ...(body !== '' && { body }),
  })
  return { status: response.status, body: await response.text() }
}

const startNode: StartHost = async (settings) => {
  const program = run(process.execPath, ['coordinator.mjs'], {
    cwd: dir('node'),
    env: { ...settings, PORT: '0', HOST: '127.0.0.1' },
  })
  const [, url] = await program.line(/ready at (\S+)/)
  return {
    url: url!,
    answer: (request, body) => forward(url!, request, body),
    async tick() {
      const headers = { authorization: `Bearer ${apiKey}` }
      return (await fetch(`${url}/tick`, { method: 'POST', headers })).json()
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  }
}

const startOnVercel: StartHost = async (settings) => {
  const folder = join(dir('vercel'), '.vercel/output/functions/_errand/coordinator.func')
  const running = await startVercel(folder, { ...settings, CRON_SECRET: cronSecret })
  const url = running.url.replace(/\/$/, '')
  return {
    url,
    answer: (request, body) => forward(url, request, body),
    async tick() {
      expect((await fetch(`${url}${vercelTickPath}`, { headers: { authorization: 'Bearer other' } })).status).toBe(401)
      return (await fetch(`${url}${vercelTickPath}`, { headers: { authorization: `Bearer ${cronSecret}` } })).json()
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  }
}

/** Lambda starts an environment for each request that comes while the others are busy. */
const startOnLambda: StartHost = async (settings) => {
  const zips = join(dir('aws-lambda'), 'functions')
  const zip = (await readdir(zips)).find((name) => name.startsWith('_coordinator'))!
  const folder = join(zips, 'coordinator')
  await mkdir(folder, { recursive: true })
  for (const [path, bytes] of Object.entries(unzipSync(await readFile(join(zips, zip))))) {
    await writeFile(join(folder, path), bytes)
  }
  const { ERRAND_URL: url, ...rest } = settings as { ERRAND_URL: string }
  const environments: Awaited<ReturnType<typeof startLambda>>[] = []
  const free: typeof environments = []
  const invoke = async (event: unknown): Promise<unknown> => {
    const one = free.pop() ?? (await startLambda(folder, { ...rest, ERRAND_URL: url }))
    if (!environments.includes(one)) environments.push(one)
    const answer = await one.invoke(event)
    free.push(one)
    return answer
  }
  return {
    async answer({ method, url: path, headers }, body) {
      const [rawPath, rawQueryString = ''] = path!.split('?') as [string, string?]
      const { statusCode, body: answered } = (await invoke({
        version: '2.0',
        rawPath,
        rawQueryString,
        headers,
        requestContext: { domainName: 'abc.lambda-url.eu-central-1.on.aws', http: { method, path: rawPath } },
        ...(body !== '' && { body: Buffer.from(body).toString('base64') }),
        isBase64Encoded: true,
      })) as LambdaResponse
      return { status: statusCode, body: answered }
    },
    tick: () => invoke({ errand: 'tick', url }),
    [Symbol.asyncDispose]: () => disposeAll(environments),
  }
}

/** The address that functions and callers know, before the host that it leads to is there. */
async function startFront() {
  let host: Host | undefined
  const server = createServer((request, response) => {
    const answer = async () => {
      const { status, body } = await host!.answer(request, await text(request))
      response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    }
    answer().catch((error: unknown) => response.writeHead(502).end(String(error)))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo: (to: Host) => void (host = to),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const settingsFor = (database: Pick<TestDatabase, 'uri'>, url: string): Record<string, string> => ({
  MONGODB_URI: database.uri,
  ERRAND_SIGNING_KEYS: key,
  ERRAND_API_KEYS: `operate:${apiKey}`,
  ERRAND_URL: url,
  ERRAND_FUNCTIONS_URL: functionsUrl,
})

describe('the server of the target node', () => {
  it('lets what runs end when it is stopped', async () => {
    await using database = await testDatabase()
    await using program = run(process.execPath, ['coordinator.mjs'], {
      cwd: dir('node'),
      env: { ...settingsFor(database, 'http://127.0.0.1:9'), PORT: '0', HOST: '127.0.0.1' },
    })
    const [, url] = await program.line(/ready at (\S+)/)
    using gate = await startGate()
    const client = createClient({ url: url!, apiKey })
    const { id } = await client.enqueue('wait', { gate: gate.url })
    await gate.arrival
    const headers = { authorization: `Bearer ${apiKey}` }
    const poll = request(`${url}/job/${id}/receipt?timeout=${longestWaitMs}ms`, { headers })
    const answered = once(poll, 'response') as Promise<[IncomingMessage]>
    const askedAt = performance.now()
    poll.end()
    await once(poll, 'finish')
    // neither the poll nor lingering for this one holds it up; that this is answered tells that the poll has been read
    // before it
    const later = await client.enqueue('greet', { name: 'Ada' }, { delay: '9s' })
    program.child.kill('SIGTERM')
    await program.line(/stopping/)
    const [answer] = await answered
    expect(answer.statusCode).toBe(202)
    answer.resume()
    expect(performance.now() - askedAt).toBeLessThan(longestWaitMs)
    gate.open()
    expect(await program.exit).toEqual([0, null])
    const jobs = database.db.collection<{ _id: string }>('errand_jobs')
    expect(await jobs.findOne({ _id: id })).toMatchObject({ state: 'succeeded' })
    expect(await jobs.findOne({ _id: later.id })).toMatchObject({ state: 'scheduled' })
  })

  it.each([
    ['PORT', 'http', /PORT is "http", which is no port/],
    ['MONGODB_URI', '', /MONGODB_URI is not set/],
    ['ERRAND_URL', 'jobs', /ERRAND_URL is no address that can be called/],
  ])('says what is wrong with %s', async (name, value, message) => {
    await using program = run(process.execPath, ['coordinator.mjs'], {
      cwd: dir('node'),
      env: { ...settingsFor({ uri: 'mongodb://127.0.0.1:9/x' }, 'http://127.0.0.1:9'), [name]: value },
    })
    expect(await program.exit).toEqual([1, null])
    await program.line(message)
  })
})

describe.each([
  ['node', startNode],
  ['vercel', startOnVercel],
  ['aws-lambda', startOnLambda],
] as const)('the coordinator of the target %s', (_, startHost) => {
  it('runs what is enqueued, its child jobs, and by a tick what has come due', async () => {
    await using database = await testDatabase()
    await using front = await startFront()
    await using host = await startHost(settingsFor(database, front.url))
    front.leadTo(host)
    const client = createClient({ url: front.url, apiKey })

    const now = await client.enqueue('greet', { name: 'Ada' })
    expect(await now.receipt()).toMatchObject({ status: 'success', result: 'Hello, Ada!' })

    await client.enqueue('chain', { left: 2 })
    while ((await client.jobs.list({ worker: 'chain', state: 'succeeded' })).jobs.length < 3) await sleep(100)

    const later = await client.enqueue('greet', { name: 'Grace' }, { delay: '1h' })
    // the hour passes
    await database.db
      .collection<{ _id: string }>('errand_jobs')
      .updateOne({ _id: later.id }, { $set: { runAt: new Date(Date.now() - 60_000) } })
    expect(await host.tick()).toMatchObject({ staged: 1, more: false, nextAt: expect.any(String) })
    expect(await client.jobs.get(later.id)).toMatchObject({
      state: 'succeeded',
      receipts: [{ result: 'Hello, Grace!' }],
    })
    expect(await client.schedules.list()).toMatchObject([{ id: 'code:daily', worker: 'daily' }])
  })

  it('takes a deployment of workers that are not in its bundle', async () => {
    await using database = await testDatabase()
    await using front = await startFront()
    await using host = await startHost(settingsFor(database, front.url))
    front.leadTo(host)
    const client = createClient({ url: front.url, apiKey })
    const builds = [{ target: 'node', url: newFunctions.url }] as const
    const { id } = await client.deployments.register(await readDeployment({ root: newFunctions.project.root, builds }))
    expect(await client.deployments.activate(id)).toMatchObject({ id, answered: 1 })
    const job = await client.enqueue('fresh', { name: 'Ada' })
    expect(await job.receipt()).toMatchObject({ status: 'success', result: 'Good day, Ada!' })
    await expect(client.enqueue('greet', { name: 'Ada' })).rejects.toMatchObject({ code: 'UNKNOWN_WORKER' })
  })

  it('lets nobody in without a key', async () => {
    await using database = await testDatabase()
    await using front = await startFront()
    await using host = await startHost(settingsFor(database, front.url))
    front.leadTo(host)
    expect((await fetch(`${front.url}/tick`, { method: 'POST' })).status).toBe(401)
    expect((await fetch(`${front.url}/job/x`)).status).toBe(401)
    expect((await fetch(`${front.url}/healthz`)).status).toBe(200)
  })
})

describe.each([
  ['node', startNode],
  ['vercel', startOnVercel],
] as const)('the coordinator of the target %s', (_, startHost) => {
  it('takes a body in chunks by both doors, up to its limit, and the next request on the connection', async () => {
    await using database = await testDatabase()
    await using host = await startHost(settingsFor(database, 'http://127.0.0.1:9'))
    const job = { worker: 'greet', args: { name: 'Ada' }, delay: '1h' }
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const post = (path: string, pieces: readonly string[]) =>
      new Promise<number>((resolve, reject) => {
        const headers = {
          authorization: `Bearer ${apiKey}`,
          'content-type': 'application/json',
          'transfer-encoding': 'chunked',
        }
        const sent = request(host.url! + path, { method: 'POST', agent, headers }, (answer) => {
          answer.resume().on('end', () => resolve(answer.statusCode!))
        })
        sent.on('error', reject)
        for (const piece of pieces) sent.write(piece)
        sent.end()
      })
    const inPieces = (value: unknown) => JSON.stringify(value).match(/.{1,10}/gs)!
    expect(await post('/job', inPieces(job))).toBe(201)
    expect(await post('/trpc/enqueueMany', inPieces({ json: { jobs: [job] } }))).toBe(200)
    expect(
      await post(
        '/job',
        Array.from({ length: 120 }, () => 'x'.repeat(10_000)),
      ),
    ).toBe(413)
    expect(await post('/job', inPieces(job))).toBe(201)
    agent.destroy()
  })
})
