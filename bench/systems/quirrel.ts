/**
 * Quirrel on Redis, the queue most like Errand: its server calls functions over HTTP. It calls at once whatever is due,
 * so enqueue rates include its dispatch, and a backlog is made of jobs that fall due together. Its concurrency is
 * always 100: the setting never reaches its queue.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { openAll } from '../harness/closers.js'
import { createCounter } from '../harness/counter.js'
import { importPeer, installPeers, peerFile, peerVersion } from '../harness/packages.js'
import { producerRole, type Payload } from '../harness/producer.js'
import { openRole } from '../harness/role.js'
import { now, sleep, until } from '../harness/time.js'
import { freePort } from '../servers/debian.js'
import { startServer } from '../servers/process.js'
import { installRedis, redisVersion, startRedis } from '../servers/redis.js'
import type { System } from './system.js'

/** What we use of it. */
interface QuirrelModule {
  QuirrelClient: new (options: object) => {
    enqueue: (job: Payload, options?: object) => Promise<unknown>
    enqueueMany: (jobs: { payload: Payload; options?: object }[]) => Promise<unknown>
  }
}

interface IoRedis {
  Redis: new (options: object) => { keys: (pattern: string) => Promise<string[]>; disconnect: () => void }
}

/** The application: an endpoint that is called for each job. */
export async function application(_init: object) {
  const counter = createCounter()
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      const { i } = JSON.parse(body) as Payload
      counter.begin(i)
      counter.end(i)
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end('{"ok":true}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  return {
    ready: { url: `http://localhost:${(server.address() as AddressInfo).port}` },
    commands: counter.commands,
    async close() {
      server.closeAllConnections()
    },
  }
}

export async function producer({ server, application }: { server: string; application: string }) {
  // it is read when the module loads
  process.env.QUIRREL_BASE_URL = application
  const { QuirrelClient } = await importPeer<QuirrelModule>('quirrel/client')
  const client = new QuirrelClient({
    route: 'job',
    handler: async () => {},
    config: { quirrelBaseUrl: server, applicationBaseUrl: application },
  })
  /** A moment and not a delay, so that all jobs of a backlog fall due together. */
  let due: Date | undefined
  const role = producerRole({
    one: (job) => client.enqueue(job),
    bulk: (jobs) => client.enqueueMany(jobs.map((job) => ({ payload: job, ...(due && { options: { runAt: due } }) }))),
    close: () => Promise.resolve(),
  })
  return {
    ...role,
    commands: {
      ...role.commands,
      setDue({ at }: { at: number }) {
        due = new Date(at)
      },
    },
  }
}

/** How long it takes to enqueue a backlog, on a slow machine. */
const enqueueMs = (count: number): number => 3_000 + count / 2

export const quirrel: System = {
  name: 'quirrel',
  pace: 'fast',
  // without authentication it answers 429 to the ten thousandth request
  maxSingle: 5_000,
  facts: () => ({
    versions: [peerVersion('quirrel'), redisVersion()],
    durability: 'in memory only: a crash of Redis loses everything',
    call: { drain: 'unsigned HTTP call', http: 'unsigned HTTP call' },
    processes: 'Redis, Quirrel server, application, producer',
  }),
  lacks: {
    W3: 'it has no drain without HTTP; see W7',
    W6: 'not measured',
  },
  async prepare() {
    await installPeers()
    await installRedis()
  },
  open: (bench, purpose) =>
    openAll(async (closers) => {
      const redis = closers.add(await startRedis(await bench.folder('redis'), 'none'))
      const port = await freePort()
      const env = {
        ...process.env,
        PORT: String(port),
        HOST: '127.0.0.1',
        REDIS_URL: `redis://127.0.0.1:${redis.port}`,
        DISABLE_TELEMETRY: '1',
      }
      const main = peerFile('quirrel', 'dist/cjs/src/api/main.js')
      const server = closers.add(await startServer(process.execPath, [main], port, { env }))
      const app = closers.add(await openRole(import.meta.url, application, {}))
      const addresses = { server: `http://127.0.0.1:${port}`, application: app.ready.url }
      const enqueuer = closers.add(await openRole(import.meta.url, producer, addresses))
      const { Redis } = await importPeer<IoRedis>('ioredis')
      const store = new Redis({ host: '127.0.0.1', port: redis.port })
      closers.add({ close: async () => store.disconnect() })
      let due = 0

      return {
        settings: { concurrency: 100 },
        async bulk(count) {
          if (purpose === 'http') {
            due = Date.now() + enqueueMs(count)
            await enqueuer.call('setDue', { at: due })
          }
          const span = await enqueuer.call('bulk', { count })
          if (purpose === 'http' && Date.now() > due) throw new Error('jobs fell due before all were enqueued')
          return span
        },
        single: (count, callers) => enqueuer.call('single', { count, callers }),
        one: (i) => enqueuer.call('one', { i }),
        isDrained: async () => (await store.keys('jobs:*')).length === 0,
        pids: () => ({ server: [server.pid], redis: [redis.pid] }),
        enqueuers: () => ({ producer: [enqueuer.pid] }),
        async start() {
          await sleep(Math.max(0, due - Date.now()))
          const startedAt = now()
          return {
            startedAt,
            readyAt: startedAt,
            handled: (count) => app.call('handled', { count }),
            startOf: (i) => app.call('startOf', { i }),
            clear: () => app.call('clear'),
            // it cannot be stopped; all that is left to do is done
            stop: async () =>
              void (await until('an idle Quirrel', async () => (await store.keys('jobs:*')).length === 0)),
          }
        },
        [Symbol.asyncDispose]: () => closers.close(),
      }
    }),
}
