import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob, Fatal, Snooze, type JobContext } from '../../../core/index.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import { handOperated, pathOf } from '../../support/handOperated.js'

const options = { args: z.object({}), retry: { attempts: 2, backoff: ['5s'] as ['5s'] }, timeout: '30s' as const }
const work = defineJob({ ...options, run: () => null })
const snoozed = { status: 'snoozed', delay: '10m' } as const

/** A worker that does for its nth run what the test says. */
const inTurn = (...runs: ((ctx: JobContext) => unknown)[]) => {
  let count = 0
  return defineJob({ ...options, run: (_, ctx) => runs[Math.min(count++, runs.length - 1)]!(ctx) })
}

async function running(worker: typeof work = work) {
  const functions = handOperated()
  const errand = await testErrand({ work: worker }, { invoke: functions.invoke })
  const id = await errand.enqueue('work')
  const { call, answer } = await functions.next()
  return { errand, functions, id, call, answer }
}

const ledger = (errand: TestErrand) => errand.database.db.collection('errand_receipts').countDocuments()

describe('ctx.snooze', () => {
  it('runs the job again after its delay, with no receipt and no attempt charged', async () => {
    const seen: number[] = []
    const poller = inTurn(
      (ctx) => ctx.snooze('10m'),
      (ctx) => ctx.snooze('20m'),
      ({ attempt }) => void seen.push(attempt),
    )
    await using errand = await testErrand({ poller })
    const id = await errand.enqueue('poller')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({
      state: 'scheduled',
      runAt: '2030-01-01T00:10:00.000Z',
      attempt: 0,
      snoozes: 1,
      receipts: [],
    })
    await errand.clock.advance('9m')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'scheduled', snoozes: 1 })
    await errand.clock.advance('1m')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'scheduled', runAt: '2030-01-01T00:30:00.000Z', snoozes: 2 })
    await errand.clock.advance('20m')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({
      state: 'succeeded',
      attempt: 1,
      snoozes: 2,
      receipts: [{ attempt: 1, status: 'success' }],
    })
    expect(seen).toEqual([1])
    expect(await ledger(errand)).toBe(1) // not one for each snooze
  })

  it('may be thrown as well, and by a second copy of errand', async () => {
    const foreign = Object.assign(new Error('zzz'), { name: 'Snooze', delay: '1s' })
    const poller = inTurn(
      () => Promise.reject(new Snooze('10m')),
      () => Promise.reject(foreign),
      () => 'done',
    )
    await using errand = await testErrand({ poller })
    const id = await errand.enqueue('poller')
    await errand.run()
    await errand.clock.advance('10m')
    await errand.run()
    await errand.clock.advance('1s')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', attempt: 1, snoozes: 2 })
  })

  it('keeps the attempts that were used before', async () => {
    const poller = inTurn(
      () => Promise.reject(new Error('no')),
      (ctx) => ctx.snooze('10m'),
      () => Promise.reject(new Error('no')),
    )
    await using errand = await testErrand({ poller })
    const id = await errand.enqueue('poller')
    await errand.run()
    await errand.clock.advance('5s')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'scheduled', attempt: 1, receipts: [{ attempt: 1 }] })
    await errand.clock.advance('10m')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({
      state: 'failed',
      attempt: 2,
      receipts: [{ attempt: 1 }, { attempt: 2 }],
    })
  })

  it.each(['0s', '1ms', '999ms'] as const)('leaves the job alone for a second at least, also for %s', async (delay) => {
    const poller = inTurn(
      (ctx) => ctx.snooze(delay),
      () => 'done',
    )
    await using errand = await testErrand({ poller })
    const id = await errand.enqueue('poller')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({
      state: 'scheduled',
      runAt: '2030-01-01T00:00:01.000Z',
      attempt: 0,
      snoozes: 1,
    })
    await errand.clock.advance('1s')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', attempt: 1, snoozes: 1 })
  })

  it('is a failure of the worker where the delay is none, and where run says Fatal instead', async () => {
    const bad = inTurn((ctx) => ctx.snooze('soon' as '1s'))
    const over = inTurn(() => Promise.reject(new Fatal('never', { cause: new Snooze('1s') })))
    await using errand = await testErrand({ bad, over })
    const [badId, overId] = [await errand.enqueue('bad'), await errand.enqueue('over')]
    await errand.run()
    expect(await errand.get(badId)).toMatchObject({
      state: 'scheduled',
      attempt: 1,
      receipts: [
        { error: { name: 'RangeError', message: expect.stringContaining('"soon" is not a duration') as string } },
      ],
    })
    expect(await errand.get(overId)).toMatchObject({ state: 'failed', attempt: 1 })
  })

  it('gives its slot back and keeps its key', async () => {
    const runs: string[] = []
    const limited = defineJob({
      args: z.object({ name: z.string(), wait: z.boolean() }),
      concurrency: { limit: 1 },
      unique: { key: ({ name }) => name },
      run({ name, wait }, ctx) {
        runs.push(name)
        if (wait && runs.length === 1) ctx.snooze('10m')
      },
    })
    await using errand = await testErrand({ limited })
    const first = await errand.enqueue('limited', { name: 'a', wait: true }, { delay: '1s' })
    await errand.enqueue('limited', { name: 'b', wait: false }, { delay: '1s' })
    await errand.clock.advance('1s')
    await errand.run()
    await errand.run()
    expect(runs).toEqual(['a', 'b'])
    const again = await errand.post('/job', { worker: 'limited', args: { name: 'a', wait: false } })
    expect(again).toMatchObject({ status: 200, body: { id: first, existing: true } })
    await errand.clock.advance('10m')
    await errand.run()
    expect(runs).toEqual(['a', 'b', 'a'])
  })

  it('keeps the lines of each run, and the progress, for the attempt that goes on', async () => {
    const poller = inTurn(
      (ctx) => {
        ctx.progress(0.1, 'asked for')
        ctx.log('asked')
        return ctx.snooze('10m')
      },
      (ctx) => {
        ctx.log('not ready')
        return ctx.snooze('10m')
      },
      (ctx) => ctx.log('ready'),
    )
    await using errand = await testErrand({ poller })
    const id = await errand.enqueue('poller')
    await errand.run()
    await errand.clock.advance('10m')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({
      state: 'scheduled',
      progress: { fraction: 0.1, note: 'asked for' },
      log: [{ message: 'asked' }, { message: 'not ready' }],
    })
    await errand.clock.advance('10m')
    await errand.run()
    const job = await errand.get(id)
    expect(job.receipts).toMatchObject([
      { progress: { fraction: 0.1 }, log: [{ message: 'asked' }, { message: 'not ready' }, { message: 'ready' }] },
    ])
    expect(job).not.toHaveProperty('log')
  })
})

describe('a snooze on the wire', () => {
  it('is posted like a receipt, and a repeat is known', async () => {
    const { errand, id, call, answer } = await running()
    await using _ = errand
    answer({ kind: 'accepted' })
    await errand.coordinator.dispatcher.idle()
    expect(await errand.post(pathOf(call), snoozed)).toEqual({ status: 200, body: { recorded: true } })
    expect(await errand.post(pathOf(call), snoozed)).toEqual({ status: 200, body: { recorded: true, duplicate: true } })
    expect(await errand.get(id)).toMatchObject({ state: 'scheduled', attempt: 0, snoozes: 1, receipts: [] })
  })

  it('leaves the job alone for a second at least, whatever its function is written in', async () => {
    const { errand, id, call, answer } = await running()
    await using _ = errand
    answer({ kind: 'accepted' })
    await errand.coordinator.dispatcher.idle()
    expect(await errand.post(pathOf(call), { status: 'snoozed', delay: '0ms' })).toMatchObject({ status: 200 })
    expect(await errand.get(id)).toMatchObject({ state: 'scheduled', runAt: '2030-01-01T00:00:01.000Z' })
  })

  it('takes a delay only', async () => {
    const { errand, call } = await running()
    await using _ = errand
    for (const bad of [{ status: 'snoozed' }, { status: 'snoozed', delay: 600 }, { ...snoozed, result: 1 }]) {
      expect((await errand.post(pathOf(call), bad)).status).toBe(400)
    }
  })

  it('is refused for an attempt that is over', async () => {
    const { errand, id, call, answer } = await running()
    await using _ = errand
    answer({ kind: 'accepted' })
    await errand.clock.advance('30s')
    expect(await errand.post(pathOf(call), snoozed)).toMatchObject({
      status: 409,
      body: { error: { code: 'ATTEMPT_OVER' } },
    })
    expect(await errand.get(id)).toMatchObject({ attempt: 1, receipts: [{ error: { code: 'TIMEOUT' } }] })
  })

  it('is refused for a cancelled job, and leaves nothing behind', async () => {
    const { errand, id, call } = await running()
    await using _ = errand
    await errand.post(pathOf(call, 'progress'), { progress: { fraction: 0.5 } })
    await errand.coordinator.fetch(new Request(`http://coordinator.test/job/${id}`, { method: 'DELETE' }))
    expect((await errand.post(pathOf(call), snoozed)).status).toBe(409)
    expect(await errand.get(id)).toMatchObject({ state: 'cancelled', receipts: [] })
    expect(await ledger(errand)).toBe(0)
  })

  it('and a receipt for the same attempt that come at once: one of them counts', async () => {
    for (let round = 0; round < 5; round++) {
      const { errand, id, call, answer } = await running()
      await using _ = errand
      await using other = await testErrand({ work }, { beside: errand })
      answer({ kind: 'accepted' })
      const answers = await Promise.all([
        errand.post(pathOf(call), snoozed),
        other.post(pathOf(call), { status: 'success' }),
      ])
      const { state, receipts } = await errand.get(id)
      expect([
        ['scheduled', 0],
        ['succeeded', 1],
      ]).toContainEqual([state, receipts.length])
      expect(answers.filter(({ status, body }) => status === 200 && !body.duplicate)).toHaveLength(1)
    }
  })
})

describe('a coordinator whose call fails', () => {
  it('behind a snooze that its function has posted writes no receipt for an attempt that has gone on, and ended, meanwhile', async () => {
    const { errand, id, call, answer } = await running()
    await using _ = errand
    const elsewhere = handOperated()
    await using other = await testErrand({ work }, { beside: errand, invoke: elsewhere.invoke })
    await other.post(pathOf(call), { status: 'snoozed', delay: '1s' })
    await errand.clock.advance('1s')
    await other.stage()
    await other.claim()
    ;(await elsewhere.next()).answer({ kind: 'receipt', receipt: { status: 'success', result: 1 } })
    await other.coordinator.dispatcher.idle()
    answer({ kind: 'failed', code: 'UNREACHABLE', message: 'The connection broke.' })
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', attempt: 1, receipts: [{ status: 'success' }] })
  })
})

describe('a coordinator that dies in the middle of a snooze', () => {
  it('before the job moved: the reaper moves it, uncharged', async () => {
    const { errand, id, call, answer } = await running()
    await using _ = errand
    answer({ kind: 'accepted' })
    await errand.coordinator.dispatcher.idle()
    const { store } = errand.coordinator.deps
    const { jobs } = store
    store.jobs = { ...jobs, apply: () => Promise.reject(new Error('killed')) }
    await errand.post(pathOf(call), snoozed)
    store.jobs = jobs
    expect(await errand.get(id)).toMatchObject({ state: 'running', receipts: [] })
    await errand.clock.advance('30s')
    await errand.reap()
    expect(await errand.get(id)).toMatchObject({
      state: 'scheduled',
      attempt: 0,
      runAt: '2030-01-01T00:10:00.000Z',
      receipts: [],
    })
  })

  it('after the job moved: what is left behind is never shown', async () => {
    const { errand, functions, id, answer } = await running()
    await using _ = errand
    const { store } = errand.coordinator.deps
    const { receipts } = store
    store.receipts = { ...receipts, removeSnoozes: () => Promise.reject(new Error('killed')) }
    answer({ kind: 'receipt', receipt: snoozed })
    for (const receipt of [snoozed, { status: 'success', result: 1 }] as const) {
      await errand.coordinator.dispatcher.idle()
      await errand.clock.advance('10m')
      await errand.stage()
      await errand.claim()
      ;(await functions.next()).answer({ kind: 'receipt', receipt })
    }
    await errand.coordinator.dispatcher.idle()
    expect(await ledger(errand)).toBe(3)
    const job = await errand.get(id)
    expect(job).toMatchObject({ state: 'succeeded', attempt: 1 })
    expect(job.receipts).toMatchObject([{ attempt: 1, status: 'success' }])
  })

  it('counts snoozes, and no attempts', async () => {
    await using errand = await testErrand({ poller: inTurn((ctx) => ctx.snooze('10m')) })
    await errand.enqueue('poller')
    await errand.run()
    const metrics = await errand.coordinator.deps.metrics.text()
    expect(metrics).toContain('errand_snoozes_total{worker="poller"} 1')
    expect(metrics).not.toContain('errand_attempts_total{worker="poller"')
  })
})
