/**
 * pg-boss on PostgreSQL. It fetches in batches and polls; for the shortest wait it is notified. It keeps finished jobs.
 */
import { importPeer, installPeers, newerNode, peerVersion } from '../harness/packages.js'
import { treeOf } from '../harness/machine.js'
import { producerRole, type Payload } from '../harness/producer.js'
import { openRole } from '../harness/role.js'
import { workerRole } from '../harness/worker.js'
import { installPostgres, openPool, postgresVersion, startPostgres } from '../servers/postgres.js'
import { lacksFinished, peerSession, queueOf } from './peer.js'
import type { Purpose, System } from './system.js'

/** What we use of it. */
interface PgBossModule {
  PgBoss: new (options: object) => PgBoss
}

interface PgBoss {
  on: (event: 'error', listener: (error: Error) => void) => unknown
  start: () => Promise<unknown>
  stop: (options: object) => Promise<void>
  createQueue: (name: string, options: object) => Promise<void>
  send: (queue: string, data: Payload, options: object) => Promise<unknown>
  insert: (queue: string, jobs: { data: Payload; startAfter?: Date }[]) => Promise<unknown>
  work: (queue: string, options: object, run: (jobs: { data: Payload }[]) => Promise<void>) => Promise<unknown>
  offWork: (queue: string, options: object) => Promise<void>
}

async function open(url: string, options: object): Promise<PgBoss> {
  const { PgBoss } = await importPeer<PgBossModule>('pg-boss')
  const boss = new PgBoss({ connectionString: url, max: 20, schedule: false, ...options })
  boss.on('error', (error) => console.error(`pg-boss: ${error.message}`))
  await boss.start()
  return boss
}

const atOnce = { graceful: false }

export async function producer({ url, notify }: { url: string; notify: boolean }) {
  const boss = await open(url, { supervise: false, ...(notify && { useListenNotify: true }) })
  for (const queue of ['jobs', 'other']) await boss.createQueue(queue, notify ? { notify } : {})
  const later = (delayMs: number | undefined) =>
    delayMs === undefined ? {} : { startAfter: new Date(Date.now() + delayMs) }
  return producerRole({
    one: (data, { worker, delayMs }) => boss.send(queueOf(worker), data, later(delayMs)),
    bulk: (jobs, { worker, delayMs }) =>
      boss.insert(
        queueOf(worker),
        jobs.map((data) => ({ data, ...later(delayMs) })),
      ),
    close: () => boss.stop(atOnce),
  })
}

interface WorkerSettings {
  batchSize: number
  localConcurrency: number
  pollingIntervalSeconds: number
  burstWhenBatchFull?: boolean
  notify?: boolean
}

export async function worker({ url, settings }: { url: string; settings: WorkerSettings }) {
  const { notify, ...options } = settings
  return workerRole(async (handle) => {
    const boss = await open(url, notify ? { useListenNotify: true } : {})
    await boss.work('jobs', options, async (jobs) => void (await Promise.all(jobs.map(({ data }) => handle(data)))))
    // graceful: the jobs under way are completed
    return { close: () => boss.stop({ graceful: true, timeout: 10_000 }) }
  })
}

const settingsFor: Record<Purpose, WorkerSettings> = {
  enqueue: { batchSize: 1, localConcurrency: 1, pollingIntervalSeconds: 2 },
  drain: { batchSize: 500, localConcurrency: 4, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true },
  steady: { batchSize: 500, localConcurrency: 4, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true },
  http: { batchSize: 100, localConcurrency: 1, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true },
  latency: { batchSize: 1, localConcurrency: 1, pollingIntervalSeconds: 2, notify: true },
  others: { batchSize: 100, localConcurrency: 4, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true },
  idle: { batchSize: 50, localConcurrency: 1, pollingIntervalSeconds: 2 },
}

const left = `select 1 from pgboss.job where name = 'jobs' and state < 'completed' and start_after <= now() limit 1`

export const pgBoss: System = {
  name: 'pg-boss',
  pace: 'fast',
  facts: () => ({
    versions: [peerVersion('pg-boss'), peerVersion('pg'), postgresVersion(), 'Node >= 22'],
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
      const notify = settings.notify ?? false
      return {
        producer: closers.add(await openRole(import.meta.url, producer, { url, notify }, node)),
        worker: closers.add(await openRole(import.meta.url, worker, { url, settings }, node)),
        settings: purpose === 'enqueue' ? {} : { ...settings },
        serverPids: () => treeOf(postgres.pid),
        isDrained: async () => (await pool.query(left)).rows.length === 0,
        async settle() {
          await pool.query('vacuum analyze')
          await pool.query('checkpoint')
        },
      }
    }),
}
