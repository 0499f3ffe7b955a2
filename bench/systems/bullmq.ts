/** BullMQ on Redis, durable and not. It waits for jobs with a blocking pop and keeps finished ones. */
import { importPeer, installPeers, peerVersion } from '../harness/packages.js'
import { producerRole, type Payload } from '../harness/producer.js'
import { openRole } from '../harness/role.js'
import { workerRole } from '../harness/worker.js'
import { installRedis, redisVersion, startRedis, type Persistence } from '../servers/redis.js'
import { lacksFinished, peerSession, queueOf } from './peer.js'
import type { Purpose, System } from './system.js'

/** What we use of it. */
interface BullMq {
  Queue: new (name: string, options: object) => Queue
  Worker: new (name: string, run: (job: { data: Payload }) => Promise<void>, options: object) => Worker
}

interface Queue {
  add: (name: string, data: Payload, options?: object) => Promise<unknown>
  addBulk: (jobs: { name: string; data: Payload; opts: object }[]) => Promise<unknown>
  getJobCounts: (...states: string[]) => Promise<Record<string, number>>
  waitUntilReady: () => Promise<unknown>
  close: () => Promise<void>
}

interface Worker {
  on: (event: 'error', listener: (error: Error) => void) => unknown
  waitUntilReady: () => Promise<unknown>
  close: (force: boolean) => Promise<void>
}

const connectionTo = (port: number) => ({ host: '127.0.0.1', port, maxRetriesPerRequest: null })

export async function producer({ port }: { port: number }) {
  const { Queue } = await importPeer<BullMq>('bullmq')
  const open = (name: string) => new Queue(name, { connection: connectionTo(port) })
  const queues = { jobs: open('jobs'), other: open('other') }
  await queues.jobs.waitUntilReady()
  const queue = (worker: string | undefined) => queues[queueOf(worker) as keyof typeof queues]
  const optionsOf = (delayMs: number | undefined) => (delayMs === undefined ? {} : { delay: delayMs })
  return producerRole({
    one: (data, { worker, delayMs }) => queue(worker).add('job', data, optionsOf(delayMs)),
    bulk: (jobs, { worker, delayMs }) =>
      queue(worker).addBulk(jobs.map((data) => ({ name: 'job', data, opts: optionsOf(delayMs) }))),
    close: () => Promise.all(Object.values(queues).map((each) => each.close())),
  })
}

export async function worker({ port, concurrency }: { port: number; concurrency: number }) {
  const { Worker } = await importPeer<BullMq>('bullmq')
  return workerRole(async (handle) => {
    const running = new Worker('jobs', ({ data }) => handle(data), { connection: connectionTo(port), concurrency })
    running.on('error', (error) => console.error(`bullmq: ${error.message}`))
    await running.waitUntilReady()
    // false: it waits for jobs under way
    return { close: () => running.close(false) }
  })
}

const concurrencyFor: Record<Purpose, number> = {
  enqueue: 1,
  drain: 100,
  steady: 100,
  http: 100,
  latency: 10,
  others: 50,
  idle: 50,
}

const bullmqOn = (name: string, persistence: Persistence, durability: string): System => ({
  name,
  pace: 'fast',
  facts: () => ({
    versions: [peerVersion('bullmq'), peerVersion('ioredis'), redisVersion()],
    durability,
    call: { drain: 'in the worker, no HTTP call', http: 'unsigned HTTP call by the handler' },
    processes: 'Redis, worker, producer; in W7 an HTTP endpoint',
  }),
  lacks: lacksFinished,
  async prepare() {
    await installPeers()
    await installRedis()
  },
  open: (bench, purpose) =>
    peerSession(purpose, async (closers) => {
      const redis = closers.add(await startRedis(await bench.folder('redis'), persistence))
      const concurrency = concurrencyFor[purpose]
      const { port } = redis
      const { Queue } = await importPeer<BullMq>('bullmq')
      const queue = closers.add(new Queue('jobs', { connection: connectionTo(port) }))
      return {
        producer: closers.add(await openRole(import.meta.url, producer, { port })),
        worker: closers.add(await openRole(import.meta.url, worker, { port, concurrency })),
        settings: purpose === 'enqueue' ? {} : { concurrency },
        serverPids: () => [redis.pid],
        async isDrained() {
          const counts = await queue.getJobCounts('wait', 'active', 'paused')
          return Object.values(counts).every((count) => count === 0)
        },
      }
    }),
})

export const bullmq = bullmqOn('bullmq', 'always', 'on the disk before it is acknowledged (appendfsync always)')

export const bullmqMemory = bullmqOn('bullmq-memory', 'none', 'in memory only: a crash of Redis loses everything')
