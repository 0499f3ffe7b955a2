import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import type { EnqueueChild } from '../../../core/job/childOptions.js'
import type { AnyJobs } from '../../../core/job/registry.js'
import type { FunctionCall } from '../../../core/requests/wire.js'
import { manualClock } from '../../support/clock.js'
import {
  inProcess,
  testErrand,
  testKey,
  type TestErrand,
  type TestErrandOptions,
  type TestWorkers,
} from '../../support/errand.js'
import { pathOf } from '../../support/handOperated.js'
import type { Answer, Invoke } from '../../../server/deps.js'

const asleep = { stayOn: false, signingKeys: [testKey] } satisfies TestErrandOptions

/** Functions that stay silent until the test answers for them. */
function silent() {
  const calls: { call: FunctionCall; prefer: string | undefined; left: boolean; answer: (answer: Answer) => void }[] =
    []
  const arrivals: (() => void)[] = []
  const invoke: Invoke = (made) =>
    new Promise((answer) => {
      const one = { call: JSON.parse(made.body) as FunctionCall, prefer: made.headers['prefer'], left: false, answer }
      calls.push(one)
      made.onAbort(() => {
        one.left = true
        answer({ kind: 'aborted' })
      })
      arrivals.splice(0).forEach((arrived) => arrived())
    })
  const called = async (count: number) => {
    while (calls.length < count) await new Promise<void>((resolve) => arrivals.push(resolve))
  }
  return { calls, called, invoke }
}

const success: Answer = { kind: 'receipt', receipt: { status: 'success' } }
const tick = (errand: TestErrand, body: unknown = '') => errand.post('/tick', body)

/**
 * Moves the time on, a second at a time, until the work is done. It stands still while the database is asked, so that a
 * slow one takes no time of a budget.
 */
async function whileTimePasses<T>(errand: TestErrand, work: Promise<T>): Promise<T> {
  let done = false
  const end = work.finally(() => (done = true))
  end.catch(() => {})
  while (!done) {
    await errand.quiet()
    if (!done) await errand.clock.advance('1s')
  }
  return end
}

const ran: string[] = []
const note = defineJob({ args: z.object({ n: z.number() }), run: ({ n }) => void ran.push(String(n)) })
const long = defineJob({ args: z.object({}), timeout: '1h', run: () => null })
const workers = (): TestWorkers => {
  ran.length = 0
  return { note }
}

describe('a tick', () => {
  it('does what every step has to do, in the order of a job’s life, and tells it', async () => {
    const daily = defineJob({
      args: z.object({}),
      schedule: { cron: '0 * * * *', args: {} },
      run: () => void ran.push('daily'),
    })
    await using errand = await testErrand({ ...workers(), daily }, asleep)
    await errand.post('/job', { worker: 'note', args: { n: 1 }, delay: '59m' })
    await errand.clock.advance('1h')
    expect(await tick(errand)).toEqual({
      status: 200,
      body: {
        staged: 1,
        fired: 1,
        reaped: 0,
        purged: 0,
        started: 2,
        finished: 2,
        more: false,
        nextAt: '2030-01-01T02:00:00.000Z',
      },
    })
    expect(ran.toSorted()).toEqual(['1', 'daily'])
    await errand.clock.advance('25h')
    const later = await tick(errand)
    // both jobs and the first tick's are past their keep time; the missed occurrences make one job
    expect(later.body).toMatchObject({ purged: 2, fired: 1 })
  })

  it('finds nothing to do', async () => {
    await using errand = await testErrand(workers(), asleep)
    expect((await tick(errand)).body).toMatchObject({ started: 0, staged: 0, more: false, nextAt: null })
  })

  it('waits for retries that come due before its budget is over, and for none that come later', async () => {
    let attempts = 0
    const shaky = defineJob({
      args: z.object({}),
      retry: { attempts: 3, backoff: ['10s', '10m'] },
      run: () => {
        attempts++
        throw new Error('no')
      },
    })
    await using errand = await testErrand({ shaky }, asleep)
    await errand.post('/job', { worker: 'shaky', args: {} })
    const before = errand.clock.now().getTime()
    const { body } = await whileTimePasses(errand, tick(errand))
    expect(attempts).toBe(2)
    expect(body).toMatchObject({ staged: 1, started: 1, more: false })
    const tookMs = errand.clock.now().getTime() - before
    expect(tookMs).toBeGreaterThanOrEqual(10_000)
    expect(tookMs).toBeLessThan(40_000)
  })

  it('keeps a throttle’s pace as long as its budget lasts', async () => {
    const paced = defineJob({
      args: z.object({}),
      throttle: { limit: 1, per: '5s', burst: 1 },
      run: () => void ran.push('paced'),
    })
    await using errand = await testErrand({ ...workers(), paced }, asleep)
    for (let n = 0; n < 3; n++) await errand.post('/job', { worker: 'paced', args: {}, delay: '1s' })
    await errand.clock.advance('1s')
    const { body } = await whileTimePasses(errand, tick(errand))
    expect(ran).toEqual(['paced', 'paced', 'paced'])
    expect(body).toMatchObject({ finished: 3, more: false })
  })

  it('answers as soon as nothing is left to wait for', async () => {
    const { calls, called, invoke } = silent()
    await using errand = await testErrand(workers(), { ...asleep, invoke })
    await errand.post('/job', { worker: 'note', args: { n: 1 }, delay: '1s' })
    await errand.clock.advance('1s')
    const ticking = tick(errand)
    await called(1)
    // every step has had its turn
    await errand.quiet()
    calls[0]!.answer(success)
    expect((await ticking).body).toMatchObject({ finished: 1 })
  })

  it('begins nothing more when its budget is nearly over, and says that there is more', async () => {
    const { calls, called, invoke } = silent()
    await using errand = await testErrand({ long }, { ...asleep, invoke, concurrency: 1 })
    for (let n = 0; n < 3; n++) await errand.post('/job', { worker: 'long', args: {}, delay: '1s' })
    await errand.clock.advance('1s')
    const ticking = tick(errand)
    await called(1)
    await errand.clock.advance('39s')
    calls[0]!.answer({ kind: 'accepted' })
    await called(2)
    await errand.clock.advance('1s')
    calls[1]!.answer({ kind: 'accepted' })
    const { body } = await whileTimePasses(errand, ticking)
    expect(body).toMatchObject({ started: 2, more: true })
    expect(calls.map(({ prefer }) => prefer)).toEqual(['respond-async, wait=49', 'respond-async, wait=10'])
  })

  it('takes no longer than it is told, and than the coordinator may', async () => {
    const { called, invoke } = silent()
    await using errand = await testErrand(workers(), { ...asleep, invoke, budgetMs: 20_000 })
    await errand.post('/job', { worker: 'note', args: { n: 1 }, delay: '1s' })
    await errand.clock.advance('1s')
    const before = errand.clock.now().getTime()
    const ticking = tick(errand, { budget: '10m' })
    await called(1)
    await whileTimePasses(errand, ticking)
    expect(errand.clock.now().getTime() - before).toBeGreaterThanOrEqual(20_000)
    expect(errand.clock.now().getTime() - before).toBeLessThan(40_000)
    expect(await tick(errand, { budget: '10 m' })).toMatchObject({ status: 400 })
    expect(await tick(errand, { budgets: '10m' })).toMatchObject({ status: 400 })
  })

  it('gives every other step its turn where one fails, and says which', async () => {
    await using errand = await testErrand(workers(), asleep)
    await errand.post('/job', { worker: 'note', args: { n: 1 }, delay: '1s' })
    await errand.clock.advance('1s')
    const { store } = errand.coordinator.deps
    store.schedules = { ...store.schedules, due: () => Promise.reject(new Error('the secret of the database')) }
    store.atomicRequests = { ...store.atomicRequests, abandoned: () => Promise.reject(new Error('no')) }
    const { status, body } = await tick(errand)
    expect(status).toBe(500)
    expect(body.error).toMatchObject({
      code: 'TICK_FAILED',
      failed: ['recur', 'finish atomic requests'],
      started: 1,
      staged: 1,
    })
    expect(JSON.stringify(body)).not.toContain('secret')
    expect(ran).toEqual(['1'])
  })

  it('is safe beside another one on the same coordinator and on others: each job runs once', async () => {
    const options = { ...asleep, concurrency: 5 }
    const hourly = defineJob({
      args: z.object({}),
      schedule: { cron: '0 * * * *', args: {} },
      run: () => void ran.push('h'),
    })
    const all = { ...workers(), hourly }
    await using one = await testErrand(all, options)
    await using two = await testErrand(all, { ...options, beside: one })
    const jobs = Array.from({ length: 40 }, (_, n) => ({ worker: 'note', args: { n }, delay: '1h' }))
    await one.post('/jobs', { jobs })
    await one.clock.advance('1h')
    const reports = await Promise.all([tick(one), tick(two), tick(one), tick(two)])
    expect(reports.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(ran.toSorted()).toEqual([...jobs.map(({ args }) => String(args.n)), 'h'].toSorted())
    const again = await tick(one)
    expect(again.body).toMatchObject({ started: 0, reaped: 0, more: false })
  })

  it('finds what a coordinator that died has left', async () => {
    const dying = silent()
    await using dead = await testErrand(workers(), { ...asleep, invoke: dying.invoke })
    const enqueued = await dead.coordinator.fetch(post('/job', { worker: 'note', args: { n: 1 } }), {
      waitUntil: () => {},
    })
    const { id } = (await enqueued.json()) as { id: string }
    await dying.called(1)
    // its platform has stopped it: nothing of it goes on
    dead.coordinator.deps.writes.settle = () => Promise.reject(new Error('stopped'))
    await using next = await testErrand({ note }, { ...asleep, beside: dead })
    await next.clock.advance('31s')
    const { body } = await whileTimePasses(next, tick(next))
    expect(body).toMatchObject({ reaped: 1, staged: 1, finished: 1 })
    expect(ran).toEqual(['1'])
    expect(await next.get(id)).toMatchObject({
      state: 'succeeded',
      attempt: 2,
      receipts: [{ error: { code: 'TIMEOUT' } }, { status: 'success' }],
    })
  })

  it('makes each step once on a coordinator that stays on, and waits for nothing', async () => {
    const { called, invoke } = silent()
    await using errand = await testErrand(workers(), { invoke })
    await errand.post('/job', { worker: 'note', args: { n: 1 }, delay: '1s' })
    await errand.post('/job', { worker: 'note', args: { n: 2 }, delay: '10s' })
    await errand.clock.advance('1s')
    expect((await tick(errand)).body).toMatchObject({ staged: 1, more: false, nextAt: '2030-01-01T00:00:10.000Z' })
    await called(1)
  })
})

function post(path: string, body: unknown): Request {
  return new Request(`http://coordinator.test${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

describe('a coordinator that does not stay on', () => {
  it('is prepared by its first request, and leaves nothing going', async () => {
    const daily = defineJob({ args: z.object({}), schedule: { cron: '0 9 * * *', args: {} }, run: () => null })
    await using errand = await testErrand({ daily }, asleep)
    const { store } = errand.coordinator.deps
    let prepared = 0
    const prepare = store.prepare.bind(store)
    store.prepare = () => {
      prepared++
      return prepare()
    }
    const answers = await Promise.all(
      ['/healthz', '/schedules', '/readyz', '/schedules'].map(async (path) =>
        errand.coordinator.fetch(new Request(`http://coordinator.test${path}`)),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(await answers[1]!.json()).toMatchObject({ schedules: [{ id: 'code:daily' }] })
    expect(prepared).toBe(1)
    expect(errand.clock.sleeping()).toBe(0)
  })

  it('says that it is not there while its database is away, and tries again with the next request', async () => {
    await using errand = await testErrand(workers(), asleep)
    const { store } = errand.coordinator.deps
    const prepare = store.prepare.bind(store)
    store.prepare = () => Promise.reject(Object.assign(new Error('away'), { name: 'MongoNetworkError' }))
    expect(await errand.post('/job', { worker: 'note', args: { n: 1 } })).toMatchObject({
      status: 503,
      body: { error: { code: 'UNAVAILABLE' } },
    })
    store.prepare = prepare
    expect(await errand.post('/job', { worker: 'note', args: { n: 1 } })).toMatchObject({ status: 201 })
  })

  it('dispatches what is enqueued before its answer', async () => {
    await using errand = await testErrand(workers(), asleep)
    const { body } = await errand.post('/job', { worker: 'note', args: { n: 1 } })
    expect(ran).toEqual(['1'])
    expect(await errand.get(body.id as string)).toMatchObject({ state: 'succeeded' })
  })

  it('answers first where the platform lets it go on', async () => {
    const { calls, invoke } = silent()
    await using errand = await testErrand(workers(), { ...asleep, invoke })
    const works: Promise<unknown>[] = []
    const waitUntil = (work: Promise<unknown>) => void works.push(work)
    const answer = await errand.coordinator.fetch(post('/job', { worker: 'note', args: { n: 1 } }), { waitUntil })
    const { id } = (await answer.json()) as { id: string }
    expect(works).toHaveLength(1)
    expect(calls).toMatchObject([{ call: { id }, prefer: undefined }])
    calls[0]!.answer(success)
    await works[0]
    // asked of the database, because a request would wait for what runs
    expect((await errand.coordinator.deps.store.jobs.find(id))?.state).toBe('succeeded')
  })

  it('does not hold its answer for a long job: its function posts the receipt', async () => {
    const { calls, called, invoke } = silent()
    await using errand = await testErrand(workers(), { ...asleep, invoke })
    const enqueuing = errand.post('/job', { worker: 'note', args: { n: 1 } })
    await called(1)
    expect(calls[0]).toMatchObject({ prefer: 'respond-async, wait=4', left: false })
    const before = errand.clock.now().getTime()
    const { body } = await whileTimePasses(errand, enqueuing)
    expect(errand.clock.now().getTime() - before).toBeGreaterThanOrEqual(5_000)
    expect(errand.clock.now().getTime() - before).toBeLessThan(25_000)
    expect(calls[0]!.left).toBe(true)
    // nobody waits for it any more, and it is as alive as before
    expect(await errand.get(body.id as string)).toMatchObject({ state: 'running', attempt: 1 })
    expect(await errand.post(pathOf(calls[0]!.call), { status: 'success' })).toMatchObject({ status: 200 })
    expect(await errand.get(body.id as string)).toMatchObject({ state: 'succeeded', attempt: 1 })
  })

  it('lets a job take longer than any tick', async () => {
    let finish = () => {}
    const working = new Promise<void>((resolve) => (finish = resolve))
    const slow = defineJob({ args: z.object({}), timeout: '10m', run: () => working.then(() => 'done') })
    await using errand = await testErrand({ slow }, asleep)
    const { deps } = errand.coordinator
    const { body } = await errand.post('/job', { worker: 'slow', args: {}, delay: '1s' })
    await errand.clock.advance('1s')
    const before = errand.clock.now().getTime()
    expect((await whileTimePasses(errand, tick(errand))).body).toMatchObject({ started: 1, finished: 1 })
    expect(errand.clock.now().getTime() - before).toBeLessThan(90_000)
    await errand.clock.advance('5m')
    const ended = new Promise((resolve) => deps.events.on('finished', resolve))
    finish()
    await ended
    expect(await errand.get(body.id as string)).toMatchObject({ state: 'succeeded', receipts: [{ result: 'done' }] })
  })

  it('starts the next job of a key when a posted receipt frees its slot', async () => {
    const { calls, called, invoke } = silent()
    const limited = defineJob({ args: z.object({}), concurrency: { limit: 1 }, run: () => null })
    await using errand = await testErrand({ limited }, { ...asleep, invoke })
    const first = errand.post('/job', { worker: 'limited', args: {} })
    await called(1)
    calls[0]!.answer({ kind: 'accepted' })
    await first
    const second = await errand.post('/job', { worker: 'limited', args: {} })
    expect((await errand.get(second.body.id as string)).state).toBe('blocked')
    const posting = errand.post(pathOf(calls[0]!.call), { status: 'success' })
    await called(2)
    expect(calls[1]!.call.id).toBe(second.body.id)
    calls[1]!.answer(success)
    await posting
    expect((await errand.get(second.body.id as string)).state).toBe('succeeded')
  })

  it('holds a long poll open until the receipt is there, whichever coordinator has it', async () => {
    const { calls, called, invoke } = silent()
    await using errand = await testErrand(workers(), { ...asleep, invoke })
    await using other = await testErrand({ note }, { ...asleep, invoke, beside: errand })
    const enqueuing = errand.post('/job', { worker: 'note', args: { n: 1 } })
    await called(1)
    calls[0]!.answer({ kind: 'accepted' })
    const { id } = (await enqueuing).body as { id: string }
    const polls = [errand, other].map(async ({ coordinator }) =>
      coordinator.fetch(new Request(`http://coordinator.test/job/${id}/receipt?timeout=20s`)),
    )
    await errand.quiet()
    expect(await errand.post(pathOf(calls[0]!.call), { status: 'success' })).toMatchObject({ status: 200 })
    const ends = await whileTimePasses(errand, Promise.all(polls))
    expect(ends.map(({ status }) => status)).toEqual([200, 200])
  })

  it('runs a chain of child jobs with no tick', async () => {
    const links = defineJob({
      args: z.object({ left: z.number() }),
      run: async ({ left }, ctx) => {
        ran.push(`link ${left}`)
        if (left > 0) await (ctx.enqueue as EnqueueChild<AnyJobs>)('links', { left: left - 1 })
      },
    })
    const all = { ...workers(), links }
    const clock = manualClock()
    const works: Promise<unknown>[] = []
    const waitUntil = (work: Promise<unknown>) => void works.push(work)
    const fetch: typeof globalThis.fetch = async (...request) =>
      errand.coordinator.fetch(new Request(...request), { waitUntil })
    await using errand = await testErrand(all, { ...asleep, clock, invoke: inProcess(all, clock, fetch) })
    await fetch(post('/job', { worker: 'links', args: { left: 3 } }))
    while (works.length > 0) await works.shift()
    expect(ran).toEqual(['link 3', 'link 2', 'link 1', 'link 0'])
  })

  it('gives back what it has claimed ahead, and leaves what runs to itself, when it goes to sleep', async () => {
    const { calls, called, invoke } = silent()
    await using errand = await testErrand({ long }, { ...asleep, invoke, concurrency: 1 })
    const { jobs } = errand.coordinator.deps.store
    const states = async () => (await jobs.list({ limit: 10 })).items.map(({ state, attempt }) => `${state} ${attempt}`)
    for (let n = 0; n < 4; n++) await errand.post('/job', { worker: 'long', args: {}, delay: '1s' })
    await errand.clock.advance('1s')
    const ticking = tick(errand)
    // a quick call makes it claim ahead
    await called(1)
    calls[0]!.answer(success)
    await called(2)
    while (!(await states()).every((state) => !state.startsWith('queued'))) await errand.quiet()
    const { body } = await whileTimePasses(errand, ticking)
    expect(calls.map(({ left }) => left)).toEqual([false, true])
    expect(body).toMatchObject({ started: 2, more: true })
    expect((await states()).toSorted()).toEqual(['queued 0', 'queued 0', 'running 1', 'succeeded 1'])
  })

  it('lingers for what comes due within seconds where the platform lets it go on, and no longer', async () => {
    let attempts = 0
    const shaky = defineJob({
      args: z.object({}),
      retry: { attempts: 5, backoff: ['1s', '9s', '30s'] },
      run: () => {
        attempts++
        throw new Error('no')
      },
    })
    await using errand = await testErrand({ shaky }, asleep)
    const works: Promise<unknown>[] = []
    const waitUntil = (work: Promise<unknown>) => void works.push(work)
    const before = errand.clock.now().getTime()
    await errand.coordinator.fetch(post('/job', { worker: 'shaky', args: {} }), { waitUntil })
    await whileTimePasses(errand, works[0]!)
    expect(attempts).toBe(3)
    // the fourth attempt is half a minute away
    expect(errand.clock.now().getTime() - before).toBeLessThan(30_000)
    expect(errand.clock.sleeping()).toBe(0)
  })

  it('lingers once for several requests, and stages for all of them', async () => {
    await using errand = await testErrand(workers(), asleep)
    const { store } = errand.coordinator.deps
    const works: Promise<unknown>[] = []
    const waitUntil = (work: Promise<unknown>) => void works.push(work)
    for (const n of [1, 2, 3]) {
      await errand.coordinator.fetch(post('/job', { worker: 'note', args: { n }, delay: '2s' }), { waitUntil })
    }
    let staged = 0
    const { jobs } = store
    store.jobs = { ...jobs, stage: (...given) => (staged++, jobs.stage(...given)) }
    await whileTimePasses(errand, Promise.all(works))
    expect(ran.toSorted()).toEqual(['1', '2', '3'])
    expect(staged).toBe(1)
  })

  it('leaves to the tick what comes due while nothing may begin any more, or could not be staged', async () => {
    await using errand = await testErrand(workers(), { ...asleep, budgetMs: 4_000 })
    const works: Promise<unknown>[] = []
    const waitUntil = (work: Promise<unknown>) => void works.push(work)
    const enqueue = (n: number, delay: string) =>
      errand.coordinator.fetch(post('/job', { worker: 'note', args: { n }, delay }), { waitUntil })
    await enqueue(1, '3500ms')
    await works.shift()
    const { store } = errand.coordinator.deps
    const { jobs } = store
    store.jobs = { ...jobs, nextRunAt: () => Promise.reject(new Error('away')) }
    await enqueue(2, '1s')
    await whileTimePasses(errand, works.shift()!)
    store.jobs = jobs
    expect(ran).toEqual([])
    await errand.clock.advance('3s')
    await tick(errand)
    expect(ran.toSorted()).toEqual(['1', '2'])
  })

  it('claims nothing while it sleeps', async () => {
    await using errand = await testErrand(workers(), asleep)
    const { body } = await errand.post('/job', { worker: 'note', args: { n: 1 }, delay: '1s' })
    await errand.clock.advance('1s')
    await errand.stage()
    await errand.claim()
    const { jobs } = errand.coordinator.deps.store
    expect(await jobs.find(body.id as string)).toMatchObject({ state: 'queued', attempt: 0 })
    expect(ran).toEqual([])
  })

  it('wakes nobody after it was stopped', async () => {
    await using errand = await testErrand(workers(), asleep)
    await errand.coordinator.stop()
    await errand.post('/job', { worker: 'note', args: { n: 1 } })
    expect(ran).toEqual([])
  })
})
