/**
 * All processes of a run, and the lines between them:
 *
 *   callers ──front──▶ coordinator ──database──▶ engine
 *                        │      ▲
 *                    functions  │ receipts, heartbeats (by the front line)
 *                        ▼      │
 *                     function host
 *
 * Each coordinator has a host, and three lines, of its own. Everything listens on the loopback.
 */
import { createServer } from 'node:net'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { randomBytes, randomInt } from 'node:crypto'
import { join } from 'node:path'
import { databaseProxy, faultProxy, type DatabaseProxy, type FaultProxy } from '../../support/faultProxy.js'
import type { Ledger } from '../ledger/ledger.js'
import { openEngine, type KillableEngine } from './engine.js'
import { makeProject } from './project.js'
import { createService, type Service } from './service.js'

export interface Wing {
  coordinator: Service
  host: Service
  lines: { database: DatabaseProxy; functions: FaultProxy; front: FaultProxy }
  /** Where callers find the coordinator. */
  url: string
}

export interface House {
  engine: KillableEngine
  wings: readonly Wing[]
  apiKey: string
  ledger: Ledger
  /** Past all proxies. */
  databaseUri(): string
  close(): Promise<void>
}

export interface HouseOptions {
  folder: string
  /** The build that is tested. */
  dist: string
  coordinators: number
  ledger: Ledger
}

export const databaseName = 'chaos'

export async function openHouse({ folder, dist, coordinators, ledger }: HouseOptions): Promise<House> {
  for (const name of ['logs', 'ledger', 'data']) await mkdir(join(folder, name), { recursive: true })
  const root = await makeProject(folder, dist)
  const lines: DatabaseProxy[] = []
  const engine = await openEngine(join(folder, 'data'), (uri) => {
    for (const line of lines) line.leadTo(uri)
  })
  const apiKey = randomBytes(16).toString('hex')
  const signingKey = `whsec_${randomBytes(32).toString('base64')}`
  const main = join(dist, 'cli', 'main.js')
  const common = { PATH: process.env['PATH'] ?? '', TZ: 'UTC', ERRAND_SIGNING_KEYS: signingKey }

  const openWing = async (number: number): Promise<Wing> => {
    const [port, functionsPort] = [await freePort(), await freePort()]
    const database = await databaseProxy(engine.uri, { port: await freePort() })
    lines.push(database)
    const functions = await faultProxy({ url: `http://127.0.0.1:${functionsPort}`, port: await freePort() })
    const front = await faultProxy({ url: `http://127.0.0.1:${port}`, port: await freePort() })
    const url = `http://127.0.0.1:${front.port}`
    const coordinator = createService({
      name: `coordinator-${number}`,
      args: [main, 'start', '--json'],
      cwd: root,
      folder,
      ledger,
      env: () => ({
        ...common,
        MONGODB_URI: withName(database.uri),
        ERRAND_PORT: String(port),
        ERRAND_URL: url,
        ERRAND_FUNCTIONS_URL: `http://127.0.0.1:${functions.port}`,
        ERRAND_API_KEYS: `operate:${apiKey}`,
      }),
    })
    const host = createService({
      name: `host-${number}`,
      args: [main, 'functions', '--json'],
      cwd: root,
      folder,
      ledger,
      env: (id) => ({
        ...common,
        ERRAND_FUNCTIONS_PORT: String(functionsPort),
        CHAOS_LEDGER: join(folder, 'ledger', `functions-${id}.jsonl`),
      }),
    })
    return { coordinator, host, url, lines: { database, functions, front } }
  }

  const wings: Wing[] = []
  for (let number = 1; number <= coordinators; number++) wings.push(await openWing(number))
  const services = () => wings.flatMap(({ coordinator, host }) => [coordinator, host])
  // whatever happens to us, nothing is left behind; the engine ends with its owner by itself
  const killAll = () => {
    for (const { pid } of services()) if (pid !== undefined) process.kill(pid, 'SIGKILL')
  }
  process.once('exit', killAll)
  const ready = services().map((service) => {
    service.start()
    return service.ready()
  })
  await Promise.all(ready)

  return {
    engine,
    wings,
    apiKey,
    ledger,
    databaseUri: () => engine.uri,
    async close() {
      for (const service of services()) service.resume()
      await Promise.all(services().map((service) => service.end(40_000, 1_000)))
      for (const { lines } of wings) {
        for (const line of Object.values(lines)) await line[Symbol.asyncDispose]()
      }
      await engine.stop()
      process.off('exit', killAll)
    },
  }
}

function withName(uri: string): string {
  const url = new URL(uri)
  url.pathname = `/${databaseName}`
  return url.href
}

/**
 * Outside the range that the system takes ports of outgoing connections from, so that one that was left for a moment is
 * still free.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await Promise.race([
      once(server, 'listening').then(() => true),
      new Promise<false>((resolve) => server.once('error', () => resolve(false))),
    ]).catch(() => false)
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
