/**
 * The database goes away and comes back, behind a proxy that does to connections what networks do. Nothing here is
 * about being quick: what is waited for is that it happens. How long it takes is printed where it is asked for:
 *
 *   FAULT_ROUNDS=20 npx vitest run test/database/databaseBack.test.ts     so many coordinators lose all connections at once
 *   FAULT_AWAY_MS=50000 npx vitest run test/database/databaseBack.test.ts     the database is away for so long
 */
import { randomUUID } from 'node:crypto'
import { describe, expect, inject, it } from 'vitest'
import { z } from 'zod'
import { systemClock } from '../../core/time/clock.js'
import { defineJob } from '../../core/index.js'
import { createContracts } from '../../server/deployments/contracts.js'
import { createCoordinator, type Coordinator } from '../../server/coordinator.js'
import { openDatabase } from '../../database/connect.js'
import { inProcess, testKey, type TestWorkers } from '../support/errand.js'
import { command, databaseProxy, type DatabaseProxy } from '../support/faultProxy.js'

const { FAULT_ROUNDS: rounds = 3, FAULT_AWAY_MS: awayMs = 2_500, FAULT_HOLD_MS: holdMs = 1_000 } = process.env
const isMeasured = 'FAULT_ROUNDS' in process.env || 'FAULT_AWAY_MS' in process.env
const figure = (what: string, ms: readonly number[]) => {
  if (isMeasured) console.log(`${what}: ${ms.map((each) => Math.round(each)).join(', ')} ms`)
}

const plain = defineJob({ args: z.object({}), run: () => null })
/** Its function takes each call and posts no receipt. */
const silent = defineJob({ args: z.object({}), timeout: '1s', retry: { attempts: 1 }, run: () => null })
const fired = defineJob({ args: z.object({}), run: () => null })
const workers: TestWorkers = { plain, silent, fired }

interface Running extends AsyncDisposable {
  coordinator: Coordinator
  send: (method: string, path: string, body?: unknown) => Promise<Response>
  /** Resolves with the next line of its log that holds this text. */
  logs: (text: string) => Promise<void>
}

/** A coordinator that stays on, by the machine's clock, on a database of its own behind the proxy. */
async function runBehind(proxy: DatabaseProxy): Promise<Running> {
  const database = await openDatabase({ uri: proxy.uri.replace(/\/(\?|$)/, `/back-${randomUUID()}$1`), dataDir: '' })
  const listeners = new Set<(message: string) => void>()
  const answer = inProcess(workers, systemClock)
  const coordinator = createCoordinator({
    database,
    contracts: createContracts(
      Object.fromEntries(
        Object.entries(workers).map(([name, { run: _, ...contract }]) => [
          name,
          { load: async () => contract, scheduled: false },
        ]),
      ),
    ),
    url: 'http://coordinator.test',
    functionsUrl: 'http://functions.test',
    signingKeys: [testKey],
    invoke: async (call) => (call.worker === 'silent' ? { kind: 'accepted' } : answer(call)),
    log: (_level, message) => listeners.forEach((listen) => listen(message)),
  })
  await coordinator.start()
  return {
    coordinator,
    send: async (method, path, body) =>
      coordinator.fetch(
        new Request(`http://coordinator.test${path}`, {
          method,
          ...(body === undefined
            ? {}
            : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
        }),
      ),
    logs: (text) =>
      new Promise((resolve) => {
        const listen = (message: string) => {
          if (!message.includes(text)) return
          listeners.delete(listen)
          resolve()
        }
        listeners.add(listen)
      }),
    async [Symbol.asyncDispose]() {
      await coordinator.stop({ graceMs: 0 })
      // nobody watches its client any more, and it may be stuck
      await database.renew()
      await database.db.dropDatabase()
      await database.close()
    },
  }
}

const sleep = (ms: number) => systemClock.sleep(ms)

describe('a coordinator whose database passes nothing, then cuts all connections, and is back', () => {
  // its driver's monitor waits for ever then, in most of the rounds (mongodb 7.9)
  it('is ready again', { timeout: 300_000 }, async () => {
    await using proxy = await databaseProxy(inject('mongodbUri'))
    const all = await Promise.all(Array.from({ length: Number(rounds) }, () => runBehind(proxy)))

    proxy.hold()
    await sleep(Number(holdMs))
    await proxy.cut()
    proxy.pass()

    const backAt = performance.now()
    const took = await Promise.all(
      all.map(async (running) => {
        while ((await running.send('GET', '/readyz')).status !== 200) await sleep(100)
        return performance.now() - backAt
      }),
    )
    figure('ready again after', took)
    expect(took).toHaveLength(Number(rounds))
    for (const running of all) await running[Symbol.asyncDispose]()
  })
})

describe('a new request while the database is away', () => {
  it('is refused before it is worked on, and told when to come again; as soon as the database is back it is not', async () => {
    await using proxy = await databaseProxy(inject('mongodbUri'))
    await using running = await runBehind(proxy)
    const away = running.logs('the database is away')
    await proxy.refuse()
    await proxy.cut()
    await away

    const askedAt = performance.now()
    const refused = await running.send('POST', '/job', { worker: 'plain', args: {} })
    figure('refused after', [performance.now() - askedAt])
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(await refused.json()).toMatchObject({ error: { code: 'UNAVAILABLE' } })
    expect((await running.send('GET', '/readyz')).status).toBe(503)
    expect((await running.send('GET', '/healthz')).status).toBe(200)

    await proxy.accept()
    while ((await running.send('GET', '/readyz')).status !== 200) await sleep(100)
    expect((await running.send('POST', '/job', { worker: 'plain', args: {} })).status).toBe(201)
  })
})

describe('an insert whose answer is cut off on its way', () => {
  it('has started its job: its function is called, and its caller hears that it is there', async () => {
    await using proxy = await databaseProxy(inject('mongodbUri'))
    await using running = await runBehind(proxy)
    const { events, store } = running.coordinator.deps
    // the contract is loaded by the first, so that the second starts with its insert
    await running.send('POST', '/job', { worker: 'plain', args: {} })
    const ended = new Set<string>()
    events.on('finished', ({ id }) => ended.add(id))
    const cut = proxy.cutAfter(command('insert', 'errand_jobs'))
    const answer = await running.send('POST', '/job', { worker: 'plain', args: {} })
    await cut
    expect(answer.status).toBe(201)
    const { id } = (await answer.json()) as { id: string }
    while (!ended.has(id)) await sleep(20)
    expect(await store.jobs.find(id)).toMatchObject({ state: 'succeeded', attempt: 1 })
  })
})

describe('requests under way in a database that hangs', () => {
  // takes as long as the limit, and is measured alone: the limit itself is held to in outage.test.ts
  it.runIf(isMeasured)('are answered, and told that it may be stored', async () => {
    await using proxy = await databaseProxy(inject('mongodbUri'))
    await using running = await runBehind(proxy)
    proxy.hold()
    const askedAt = performance.now()
    const asked = [
      running.send('POST', '/job', { worker: 'plain', args: {} }),
      running.send('POST', '/jobs', { jobs: [{ worker: 'plain', args: {} }], atomic: true }),
      running.send('GET', '/jobs'),
      running.send('GET', '/readyz'),
    ]
    const waits = await Promise.all(
      asked.map(async (answer) => {
        expect((await answer).status).toBe(503)
        return performance.now() - askedAt
      }),
    )
    figure('told after', waits)
    proxy.pass()
  })
})

describe('a coordinator that stops while the database is away', () => {
  it('stops, though it cannot write what it would have to', async () => {
    await using proxy = await databaseProxy(inject('mongodbUri'))
    await using running = await runBehind(proxy)
    const { id } = (await (await running.send('POST', '/job', { worker: 'silent', args: {} })).json()) as { id: string }
    const away = running.logs('the database is away')
    await proxy.refuse()
    await proxy.cut()
    await away
    const stoppedAt = performance.now()
    await running.coordinator.stop({ graceMs: 0 })
    figure('stopped after', [performance.now() - stoppedAt])
    await proxy.accept()
    expect(id).toEqual(expect.any(String))
  })
})

describe('what came due while the database was away', () => {
  const faults = {
    'refused connections': async (proxy: DatabaseProxy) => {
      await proxy.refuse()
      await proxy.cut()
      return () => proxy.accept()
    },
    'cut each of them': async (proxy: DatabaseProxy) => {
      proxy.hold()
      const cutting = setInterval(() => void proxy.cut(), 50)
      return async () => {
        clearInterval(cutting)
        await proxy.cut()
        proxy.pass()
      }
    },
    'passed nothing': async (proxy: DatabaseProxy) => {
      proxy.hold()
      return async () => proxy.pass()
    },
  }

  it.for(Object.keys(faults) as (keyof typeof faults)[])(
    'goes on when it is back, where it %s: a job, an overdue attempt and a schedule',
    { timeout: 300_000 },
    async (name) => {
      await using proxy = await databaseProxy(inject('mongodbUri'))
      await using running = await runBehind(proxy)
      const { coordinator, send } = running
      const { events, store } = coordinator.deps
      const finished = new Map<string, number>()
      events.on('finished', ({ id }) => finished.set(id, performance.now()))
      const started = new Map<string, number>()
      events.on('attempted', ({ job }) => started.set(job.worker, performance.now()))

      const enqueue = async (body: object): Promise<string> =>
        ((await (await send('POST', '/job', body)).json()) as { id: string }).id
      const due = await enqueue({ worker: 'plain', args: {}, delay: `${Number(awayMs) - 1_000}ms` })
      const overdue = await enqueue({ worker: 'silent', args: {} })
      await enqueue({ worker: 'fired', args: {}, every: '2s' })

      const end = await faults[name](proxy)
      await sleep(Number(awayMs))
      // what is due once may have ended already, where the machine took its time before the fault
      started.clear()
      await end()
      const backAt = performance.now()
      while (!finished.has(due) || !finished.has(overdue) || !started.has('fired')) await sleep(20)

      const after = [finished.get(due)!, finished.get(overdue)!, started.get('fired')!].map((at) => at - backAt)
      figure(`${name}; a job, an overdue attempt, a schedule after`, after)
      expect(await store.jobs.find(due)).toMatchObject({ state: 'succeeded', attempt: 1 })
      expect(await store.jobs.find(overdue)).toMatchObject({ state: 'failed', errorCode: 'TIMEOUT' })
    },
  )
})
