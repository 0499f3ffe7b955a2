/**
 * graphile-worker on PostgreSQL. LISTEN/NOTIFY wakes it; its local queue and batched completion are what make it fast.
 * It deletes finished jobs.
 */
import { importPeer, installPeers, newerNode, peerVersion } from '../harness/packages.js'
import { treeOf } from '../harness/machine.js'
import { producerRole, type Payload } from '../harness/producer.js'
import { openRole } from '../harness/role.js'
import { workerRole } from '../harness/worker.js'
import { installPostgres, openPool, postgresVersion, startPostgres } from '../servers/postgres.js'
import { lacksFinished, peerSession, queueOf } from './peer.js'
import type { Purpose, Settings, System } from './system.js'

/** What we use of it. */
interface GraphileWorker {
  Logger: new (factory: () => (level: string, message: string) => void) => object
  makeWorkerUtils: (options: object) => Promise<{
    migrate: () => Promise<void>
    addJob: (task: string, payload: Payload, options: object) => Promise<unknown>
    addJobs: (jobs: { identifier: string; payload: Payload; runAt?: Date }[]) => Promise<unknown>
    release: () => Promise<void>
  }>
  run: (options: object) => Promise<{ stop: () => Promise<void> }>
}

const connections = 20

const errorsOnly = ({ Logger }: GraphileWorker): object =>
  new Logger(() => (level, message) => {
    if (level === 'error') console.error(`graphile-worker: ${message}`)
  })

export async function producer({ url }: { url: string }) {
  const library = await importPeer<GraphileWorker>('graphile-worker')
  const pgPool = await openPool(url, connections)
  const utils = await library.makeWorkerUtils({ pgPool, logger: errorsOnly(library) })
  await utils.migrate()
  const later = (delayMs: number | undefined) =>
    delayMs === undefined ? {} : { runAt: new Date(Date.now() + delayMs) }
  return producerRole({
    one: (job, { worker, delayMs }) => utils.addJob(queueOf(worker), job, later(delayMs)),
    bulk: (jobs, { worker, delayMs }) =>
      utils.addJobs(jobs.map((job) => ({ identifier: queueOf(worker), payload: job, ...later(delayMs) }))),
    async close() {
      await utils.release()
      await pgPool.end()
    },
  })
}

interface WorkerSettings {
  concurrency: number
  localQueue?: number
  completeJobBatchDelay?: number
}

export async function worker({ url, settings }: { url: string; settings: WorkerSettings }) {
  const library = await importPeer<GraphileWorker>('graphile-worker')
  const { concurrency, localQueue, completeJobBatchDelay } = settings
  return workerRole(async (handle) => {
    const pgPool = await openPool(url, connections)
    const runner = await library.run({
      pgPool,
      concurrency,
      noHandleSignals: true,
      pollInterval: 2_000,
      logger: errorsOnly(library),
      taskList: { jobs: handle },
      parsedCronItems: [],
      preset: {
        worker: {
          concurrentJobs: concurrency,
          maxPoolSize: connections,
          ...(localQueue !== undefined && { localQueue: { size: localQueue } }),
          ...(completeJobBatchDelay !== undefined && {
            completeJobBatchDelay,
            failJobBatchDelay: completeJobBatchDelay,
          }),
        },
      },
    })
    return {
      async close() {
        await runner.stop()
        await pgPool.end()
      },
    }
  })
}

const settingsFor: Record<Purpose, WorkerSettings> = {
  enqueue: { concurrency: 1 },
  drain: { concurrency: 100, localQueue: 1_000, completeJobBatchDelay: 2 },
  steady: { concurrency: 50, localQueue: 500, completeJobBatchDelay: 0 },
  http: { concurrency: 100, localQueue: 500, completeJobBatchDelay: 0 },
  latency: { concurrency: 10 },
  others: { concurrency: 50, localQueue: 500, completeJobBatchDelay: 0 },
  idle: { concurrency: 50 },
}

const left = `select 1 from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id
  where t.identifier = 'jobs' and j.run_at <= now() limit 1`

export const graphileWorker: System = {
  name: 'graphile-worker',
  pace: 'fast',
  facts: () => ({
    versions: [peerVersion('graphile-worker'), peerVersion('pg'), postgresVersion(), 'Node >= 22'],
    durability: 'on the disk before it is acknowledged (fsync)',
    call: { drain: 'in the worker, no HTTP call', http: 'unsigned HTTP call by the handler' },
    processes: 'PostgreSQL, worker, producer; in W7 an HTTP endpoint',
  }),
  lacks: lacksFinished,
  async prepare() {
    await installPeers()
    await installPostgres()
  },
  open: (bench, purpose) =>
    peerSession(purpose, async (closers) => {
      const postgres = closers.add(await startPostgres(await bench.folder('postgres')))
      const { url } = postgres
      const pool = await openPool(url, 2)
      closers.add({ close: () => pool.end() })
      const node = { node: newerNode() }
      const settings = settingsFor[purpose]
      return {
        producer: closers.add(await openRole(import.meta.url, producer, { url }, node)),
        worker: closers.add(await openRole(import.meta.url, worker, { url, settings }, node)),
        settings: purpose === 'enqueue' ? { connections } : ({ ...settings } satisfies Settings),
        serverPids: () => treeOf(postgres.pid),
        isDrained: async () => (await pool.query(left)).rows.length === 0,
        async settle() {
          await pool.query('vacuum analyze')
          await pool.query('checkpoint')
        },
      }
    }),
}
