import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { sweepPaused } from '../../../server/flowControl/pause.js'
import { sweepBlocked } from '../../../server/flowControl/slots.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import { patience, runs } from '../../support/effort.js'

const work = defineJob({
  args: z.object({ shop: z.string().default('a') }),
  retry: { attempts: 3, backoff: ['1s'] },
  run: () => null,
})
const other = defineJob({ args: z.object({}), run: () => null })
const limited = defineJob({
  args: z.object({ shop: z.string(), n: z.number().default(0) }),
  concurrency: { limit: 1, key: ({ shop }) => shop },
  run: () => null,
})
const throttled = defineJob({
  args: z.object({ shop: z.string() }),
  throttle: { limit: 100, per: '1s', key: ({ shop }) => shop },
  run: () => null,
})

const pause = (errand: TestErrand, target: object) => errand.post('/pauses', target)
const request = async (errand: TestErrand, method: string, path: string) => {
  const response = await errand.coordinator.fetch(new Request(`http://coordinator.test${path}`, { method }))
  return { status: response.status, body: await response.json() }
}
const resume = (errand: TestErrand, query: string) => request(errand, 'DELETE', `/pauses?${query}`)
const states = async (errand: TestErrand, ids: string[]) =>
  Promise.all(ids.map(async (id) => (await errand.get(id)).state))
const heldOf = async (errand: TestErrand) => {
  const jobs = await errand.database.db.collection('errand_jobs').find().sort({ _id: 1 }).toArray()
  return jobs.map(({ held }) => held as string | undefined)
}

describe('a pause', () => {
  it('of a worker keeps its jobs waiting and shows it, lets others pass, and ends with a resume', async () => {
    await using errand = await testErrand({ work, other })
    const paused = await pause(errand, { worker: 'work', reason: 'the shop is down' })
    const view = {
      scope: 'worker',
      worker: 'work',
      by: 'local',
      at: '2030-01-01T00:00:00.000Z',
      reason: 'the shop is down',
    }
    expect(paused).toEqual({ status: 201, body: view })
    const ids = [await errand.enqueue('work'), await errand.enqueue('other')]
    await errand.run()
    expect(await states(errand, ids)).toEqual(['queued', 'succeeded'])
    expect((await errand.get(ids[0]!)).paused).toEqual(view)
    expect((await errand.get(ids[1]!)).paused).toBeUndefined()
    expect((await request(errand, 'GET', '/pauses')).body).toEqual({ pauses: [{ ...view, waiting: 1 }] })
    expect(await resume(errand, 'worker=work')).toEqual({ status: 200, body: { ...view, released: 1 } })
    await errand.run()
    expect(await states(errand, ids)).toEqual(['succeeded', 'succeeded'])
    expect(await errand.get(ids[0]!)).toMatchObject({ attempt: 1 })
    expect((await request(errand, 'GET', '/pauses')).body).toEqual({ pauses: [] })
  })

  it('of everything keeps everything waiting, and holds no job', async () => {
    await using errand = await testErrand({ work, other })
    await pause(errand, { all: true })
    const ids = [await errand.enqueue('work'), await errand.enqueue('other')]
    await errand.run()
    expect(await states(errand, ids)).toEqual(['queued', 'queued'])
    expect((await errand.get(ids[1]!)).paused).toMatchObject({ scope: 'all' })
    expect(await heldOf(errand)).toEqual([undefined, undefined])
    await resume(errand, 'all=true')
    await errand.run()
    expect(await states(errand, ids)).toEqual(['succeeded', 'succeeded'])
  })

  it.each([
    ['throttle key', 'throttled', { args: { shop: 'a' } }, { args: { shop: 'b' } }],
    ['concurrency key', 'limited', { args: { shop: 'a' } }, { args: { shop: 'b' } }],
    ['unique key', 'other', { args: {}, key: 'a' }, { args: {}, key: 'b' }],
  ])('of a key goes by the %s', async (_, worker, covered, free) => {
    await using errand = await testErrand({ other, limited, throttled })
    await pause(errand, { worker, key: 'a' })
    const ids: string[] = []
    for (const job of [covered, free]) ids.push((await errand.post('/job', { worker, ...job })).body.id)
    await errand.run()
    expect(await states(errand, ids)).toEqual(['queued', 'succeeded'])
    await resume(errand, `worker=${worker}&key=a`)
    await errand.run()
    expect(await states(errand, ids)).toEqual(['succeeded', 'succeeded'])
  })

  it('lets what runs run on, and holds its retry', async () => {
    await using errand = await testErrand(
      { work },
      { invoke: async () => ({ kind: 'failed', code: 'HTTP_500', message: 'no' }) },
    )
    const id = await errand.enqueue('work')
    await pause(errand, { worker: 'work' })
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(id)).toMatchObject({ state: 'scheduled', attempt: 1, paused: { by: 'local' } })
    await errand.clock.advance('1s')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'queued', attempt: 1 })
    await resume(errand, 'worker=work')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ attempt: 2 })
  })

  it('holds scheduled jobs once they are due, and a retried one', async () => {
    await using errand = await testErrand({ work })
    const id = await errand.enqueue('work', {}, { delay: '1h' })
    await pause(errand, { worker: 'work' })
    await errand.clock.advance('1h')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'queued', paused: { worker: 'work' } })
    await request(errand, 'DELETE', `/job/${id}`)
    expect((await errand.get(id)).paused).toBeUndefined()
    expect(await heldOf(errand)).toEqual([undefined])
  })

  it('that another pause outlasts leaves the job waiting', async () => {
    await using errand = await testErrand({ limited })
    await pause(errand, { worker: 'limited' })
    await pause(errand, { worker: 'limited', key: 'a' })
    const id = await errand.enqueue('limited', { shop: 'a' })
    await resume(errand, 'worker=limited')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'queued', paused: { scope: 'key', key: 'a' } })
    await resume(errand, 'worker=limited&key=a')
    await errand.run()
    expect((await errand.get(id)).state).toBe('succeeded')
  })

  it('stays as it was when somebody pauses again', async () => {
    await using errand = await testErrand({ work })
    await pause(errand, { worker: 'work', reason: 'first' })
    await errand.clock.advance('1m')
    const again = await pause(errand, { worker: 'work', reason: 'second' })
    expect(again.body).toMatchObject({ reason: 'first', at: '2030-01-01T00:00:00.000Z' })
  })

  it('of a key gives the free slot to a blocked job that it does not cover', async () => {
    await using errand = await testErrand({ limited })
    const { deps } = errand.coordinator
    const key = (key: string) => ({ key })
    const [first, covered, free] = await Promise.all(
      ['one', 'two', 'three'].map((each) => errand.enqueue('limited', { shop: 'a' }, { delay: '1s', ...key(each) })),
    )
    await pause(errand, { worker: 'limited', key: 'two' })
    await deps.store.jobs.stage(new Date('2031-01-01'), 10)
    await errand.database.db
      .collection<{ _id: string }>('errand_jobs')
      .updateMany({ _id: { $in: [covered!, free!] } }, { $set: { state: 'blocked' } })
    await errand.run()
    await errand.run()
    expect(await states(errand, [first!, covered!, free!])).toEqual(['succeeded', 'queued', 'succeeded'])
  })

  it('stands in front of nobody, however many jobs it holds', async () => {
    await using errand = await testErrand({ work, other }, { concurrency: 2 })
    await pause(errand, { worker: 'work' })
    const { deps } = errand.coordinator
    const jobs = Array.from({ length: 300 }, () => ({ worker: 'work', args: {}, priority: 10, delay: '1s' }))
    await errand.post('/jobs', { jobs })
    const id = await errand.enqueue('other', {}, { delay: '1s' })
    await errand.clock.advance('1s')
    let claims = 0
    const { claimable } = deps.store.jobs
    deps.store.jobs.claimable = (limit) => {
      claims++
      return claimable(limit)
    }
    await errand.run()
    expect((await errand.get(id)).state).toBe('succeeded')
    expect(claims).toBeLessThan(10)
  })

  it('is known on another coordinator within three seconds', async () => {
    await using errand = await testErrand({ work })
    await using beside = await testErrand({ work }, { beside: errand })
    await beside.run() // it knows of no pause now
    await pause(errand, { worker: 'work' })
    await errand.clock.advance('3s')
    const id = await beside.enqueue('work')
    await beside.run()
    expect((await errand.get(id)).state).toBe('queued')
  })
})

describe('after a resume', () => {
  it('a sweep releases what a coordinator left that died in between', async () => {
    await using errand = await testErrand({ work })
    await pause(errand, { worker: 'work' })
    const id = await errand.enqueue('work')
    await errand.run()
    const { deps } = errand.coordinator
    const { jobs } = deps.store
    deps.store.jobs = { ...jobs, releaseHeldBy: () => Promise.reject(new Error('killed')) }
    expect((await resume(errand, 'worker=work')).status).toBe(500)
    deps.store.jobs = jobs
    await errand.run()
    expect((await errand.get(id)).state).toBe('queued')
    await sweepPaused(deps)
    await errand.run()
    expect((await errand.get(id)).state).toBe('succeeded')
  })

  it('a coordinator that held a job by what it knew for a moment longer is told to look', async () => {
    await using errand = await testErrand({ work })
    await using beside = await testErrand({ work }, { beside: errand })
    await pause(errand, { worker: 'work' })
    await errand.clock.advance('1s')
    await beside.coordinator.deps.pauses.fresh()
    await resume(errand, 'worker=work')
    const id = await beside.enqueue('work')
    expect(await heldOf(errand)).toEqual(['paused:worker:work'])
    const resumed = new Promise((resolve) => beside.coordinator.deps.events.on('resumed', resolve))
    await errand.clock.advance('3s')
    await beside.run()
    await resumed
    await sweepPaused(beside.coordinator.deps)
    await beside.run()
    expect((await errand.get(id)).state).toBe('succeeded')
  })

  it('a sweep leaves what is paused alone', async () => {
    await using errand = await testErrand({ work })
    await pause(errand, { worker: 'work' })
    await errand.enqueue('work')
    await errand.run()
    await sweepPaused(errand.coordinator.deps)
    expect(await heldOf(errand)).toEqual(['paused:worker:work'])
  })
})

describe('bad requests', () => {
  it.each([
    [{}, 400],
    [{ all: true, worker: 'work' }, 400],
    [{ all: false }, 400],
    [{ key: 'a' }, 400],
    [{ worker: 'wrok' }, 404],
    [{ worker: 'work', until: 'tomorrow' }, 400],
  ])('to pause %j are refused', async (target, status) => {
    await using errand = await testErrand({ work })
    expect((await pause(errand, target)).status).toBe(status)
    expect((await request(errand, 'GET', '/pauses')).body).toEqual({ pauses: [] })
  })

  it('to resume what is not paused are told what is', async () => {
    await using errand = await testErrand({ work })
    await pause(errand, { all: true })
    const { status, body } = await resume(errand, 'worker=work')
    expect([status, body.error.code, body.error.message]).toEqual([
      404,
      'UNKNOWN_PAUSE',
      'work is not paused by itself. Everything is paused. `errand pauses` lists what is.',
    ])
    expect((await resume(errand, 'all=yes')).status).toBe(400)
    expect((await resume(errand, '')).status).toBe(400)
  })
})

describe('metrics', () => {
  it('count pauses, and the jobs they hold', async () => {
    await using errand = await testErrand({ work })
    await pause(errand, { worker: 'work' })
    await errand.enqueue('work')
    await errand.run()
    const text = await (await errand.coordinator.fetch(new Request('http://coordinator.test/metrics'))).text()
    expect(text).toContain('errand_paused_jobs{worker="work"} 1')
    expect(text).toContain('errand_pauses{scope="worker"} 1')
  })
})

describe('pauses, resumes, claims, ends and time, in any order on two coordinators', () => {
  const key = fc.constantFrom('a', 'b')
  const target = fc.oneof(
    fc.constant({ all: true }),
    fc.constantFrom('free', 'limited').map((worker) => ({ worker })),
    key.map((key) => ({ worker: 'limited', key })),
  )
  const on = fc.nat(1)
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('enqueue' as const),
        worker: fc.constantFrom('free', 'limited'),
        key,
        on,
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('pause' as const), target, on }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('resume' as const), target, on }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('claim' as const), on }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('end' as const), fails: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('sweep' as const), on }) },
  )
  const fields = {
    args: z.object({ shop: z.string() }),
    retry: { attempts: 2, backoff: ['1s' as const] },
    run: () => null,
  }
  const workers = {
    free: defineJob(fields),
    limited: defineJob({ ...fields, concurrency: { limit: 1, key: ({ shop }) => shop } }),
  }

  it(
    'nothing starts whose pause is known, everything runs after its resume, and nothing is stuck',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 15, maxLength: 50 }), async (steps) => {
          const running = new Map<string, (fails: boolean) => void>()
          /** Since when each pause holds everywhere. */
          const pausedSince = new Map<string, number>()
          const wrong: string[] = []
          const invoke: NonNullable<Parameters<typeof testErrand>[1]>['invoke'] = ({ body }) => {
            const { id, worker, args } = JSON.parse(body) as { id: string; worker: string; args: { shop: string } }
            const covering = [{ all: true }, { worker }, { worker, key: args.shop }].map((each) => JSON.stringify(each))
            const now = one.clock.now().getTime()
            if (covering.some((pause) => (pausedSince.get(pause) ?? Infinity) <= now - 3_000)) wrong.push(id)
            return new Promise((resolve) =>
              running.set(id, (fails) => {
                running.delete(id)
                resolve(
                  fails
                    ? { kind: 'failed', code: 'HTTP_500', message: 'no' }
                    : { kind: 'receipt', receipt: { status: 'success' } },
                )
              }),
            )
          }
          await using one = await testErrand(workers, { invoke })
          await using two = await testErrand(workers, { invoke, beside: one })
          const both = [one, two]
          const doResume = async (errand: TestErrand, target: object) => {
            pausedSince.delete(JSON.stringify(target))
            await resume(errand, new URLSearchParams(target as Record<string, string>).toString())
          }
          for (const each of steps) {
            if (each.kind === 'enqueue')
              await both[each.on]!.post('/job', { worker: each.worker, args: { shop: each.key } })
            if (each.kind === 'pause') {
              await pause(both[each.on]!, each.target)
              const id = JSON.stringify(each.target)
              if (!pausedSince.has(id)) pausedSince.set(id, one.clock.now().getTime())
            }
            if (each.kind === 'resume') await doResume(both[each.on]!, each.target)
            if (each.kind === 'claim') await both[each.on]!.claim()
            if (each.kind === 'end') [...running.values()][0]?.(each.fails)
            if (each.kind === 'time') {
              // how long a claim's questions take is the machine's affair, and none of them lasts for a second
              await one.quiet()
              await one.clock.advance('1s')
              await one.stage()
            }
            if (each.kind === 'sweep') await sweepPaused(both[each.on]!.coordinator.deps)
          }
          for (const target of Array.from(pausedSince.keys())) await doResume(one, JSON.parse(target) as object)
          const final = async () => {
            const jobs = await one.database.db.collection('errand_jobs').find().toArray()
            return jobs.every(({ state }) => ['succeeded', 'failed'].includes(state as string))
          }
          for (let round = 0; round < 300 && !(await final()); round++) {
            await one.quiet()
            await one.clock.advance('1s')
            for (const errand of both) {
              await errand.stage()
              await sweepPaused(errand.coordinator.deps)
              await sweepBlocked(errand.coordinator.deps)
              await errand.claim()
            }
            for (const end of running.values()) end(false)
          }
          expect(wrong).toEqual([])
          expect(await final()).toBe(true)
          expect((await heldOf(one)).filter((held) => held !== undefined)).toEqual([])
        }),
        { numRuns: runs(6) },
      )
    },
    patience(180_000),
  )
})
