/**
 * Errand itself, all on this machine: codegen, database, functions, coordinator, and a client that knows every job in
 * jobs/.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { createClient, type Client } from 'errand/client'
import { generate } from 'errand/codegen'
import { createFunctionHost } from 'errand/runtime/node'
import {
  createCoordinator,
  createLog,
  listen,
  loadContracts,
  openDatabase,
  type Coordinator,
  type Database,
} from 'errand/server'
import { MongoClient } from 'mongodb'
import type { Jobs } from '../jobs/registry.gen.js'
import type { Run } from './run.js'

const host = '127.0.0.1'

/** Answers with the names of the workers. */
export function runCodegen(run: Run, root: string): Promise<string[]> {
  return run.step('Codegen turns jobs/ into a registry, contracts and functions', async () => {
    // it is not left half done: after an interruption it is waited for
    const { workers } = await run.own(generate({ root, onProgress: run.terminal.progress }), async () => {})
    return workers.map(({ name }) => name)
  })
}

export interface DemoDatabase {
  database: Database
  /** Names a database beside Errand's, as an app has its own data there. */
  shopUri: string
}

/** Databases of the demo's own, dropped at the end: at MONGODB_URI if that is set, else on an engine in `folder`. */
export function startDatabase(run: Run, folder: string): Promise<DemoDatabase> {
  return run.step('A database starts', async () => {
    const uri = process.env['MONGODB_URI']
    const name = `errand-demo-${randomBytes(4).toString('hex')}`
    const opening = openDatabase({
      ...(uri ? { uri } : {}),
      name,
      dataDir: join(folder, 'data'),
      onProgress: run.terminal.progress,
    })
    const database = await run.own(opening, async (opened) => {
      await Promise.all([opened.db.dropDatabase(), dropDatabase(withDatabase(opened.uri, `${name}-shop`))])
      await opened.close()
    })
    return { database, shopUri: withDatabase(database.uri, `${name}-shop`) }
  })
}

async function dropDatabase(uri: string): Promise<void> {
  const client = new MongoClient(uri)
  try {
    await client.db().dropDatabase()
  } finally {
    await client.close()
  }
}

/** A user is looked up in the database that the URI names, so that one must stay named when the path changes. */
function withDatabase(uri: string, name: string): string {
  const [, start = '', path = '', query = ''] = /^([^:]+:\/\/[^/?]+)\/?([^?]*)\??(.*)$/.exec(uri) ?? []
  const options = new URLSearchParams(query)
  if (start.includes('@') && !options.has('authSource')) options.set('authSource', path === '' ? 'admin' : path)
  return `${start}/${name}?${options}`
}

/**
 * Starts functions and coordinator on free ports, with a signing key that nobody else has. They end in this order: the
 * coordinator calls no more functions, the functions hand in the receipts they still owe, and then nobody listens any
 * more.
 */
export function startErrand(run: Run, root: string, { database }: DemoDatabase): Promise<Client<Jobs>> {
  return run.step('Functions and coordinator start', async () => {
    const dir = join(root, '.errand')
    const key = `whsec_${randomBytes(32).toString('base64')}`
    const log = createLog({ write: run.terminal.complain, now: () => new Date(), json: false })

    // the coordinator is told its own address, which is known once it listens
    let coordinator: Coordinator | undefined
    const fetch = (request: Request) => coordinator?.fetch(request) ?? new Response(null, { status: 503 })
    const { url } = await run.own(listen({ fetch, host, port: 0, setting: 'ERRAND_PORT' }), (server) => server.close())

    const functions = createFunctionHost({ dir, keys: [key], log: run.terminal.complain, closeLimitMs: 5_000 })
    const { url: functionsUrl } = await run.own(functions.listen({ host, port: 0 }), (server) => server.close())

    const contracts = await loadContracts(dir)
    coordinator = createCoordinator({ database, contracts, url, functionsUrl, signingKeys: [key], log })
    await run.own(Promise.resolve(coordinator), (started) => started.stop({ graceMs: 5_000 }))
    await coordinator.start()
    return createClient<Jobs>({ url })
  })
}
