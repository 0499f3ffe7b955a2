import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { readContract } from '../../../core/job/contract.js'
import { defineJob } from '../../../core/index.js'
import { retryJob } from '../../../server/operations/jobActions.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import type { Invoke } from '../../../server/deps.js'

const work = defineJob({
  args: z.object({ n: z.number().default(0) }),
  keep: { succeeded: '1d', failed: '30d' },
  run: () => null,
})
const jobsOf = (errand: TestErrand) =>
  errand.database.db.collection<{ _id: string; state: string; attempt: number; held?: string; claim?: string }>(
    'errand_jobs',
  )

function signal() {
  let resolve = () => {}
  const promise = new Promise<void>((done) => (resolve = done))
  return { promise, resolve }
}

/** Functions that stay silent until they are told. */
function gate() {
  const called: string[] = []
  let open: () => void = () => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  const invoke: Invoke = async ({ body, signal }) => {
    called.push((JSON.parse(body) as { id: string }).id)
    const aborted = new Promise<'aborted'>((resolve) =>
      signal.addEventListener('abort', () => resolve('aborted'), { once: true }),
    )
    if ((await Promise.race([opened, aborted])) === 'aborted') return { kind: 'aborted' }
    return { kind: 'receipt', receipt: { status: 'success' } }
  }
  return { called, invoke, open: () => open() }
}

describe('purge', () => {
  it('removes final jobs past their keep time with their receipts, and nothing else', async () => {
    await using errand = await testErrand({ work })
    const done = await errand.enqueue('work')
    await errand.run()
    const waiting = await errand.enqueue('work', {}, { delay: '9d' })
    await errand.clock.advance('23h')
    expect(await errand.purge()).toBe(0)
    await errand.clock.advance('1h')
    expect(await errand.purge()).toBe(1)
    expect(await errand.get(waiting)).toMatchObject({ state: 'scheduled' })
    expect(await jobsOf(errand).findOne({ _id: done })).toBeNull()
    expect(await errand.database.db.collection('errand_receipts').countDocuments()).toBe(0)
  })

  it('takes all of a job or nothing: past its keep time it cannot be retried, though it may still be seen', async () => {
    await using errand = await testErrand({ work })
    const id = await errand.enqueue('work')
    await errand.run()
    const retry = () => retryJob(errand.coordinator.deps, id)
    await errand.clock.advance('23h')
    await retry()
    await errand.run()
    await errand.clock.advance('24h')
    // a purge that died when the receipts were gone
    errand.coordinator.deps.store.jobs.remove = () => Promise.reject(new Error('dead'))
    await expect(errand.purge()).rejects.toThrow('dead')
    await expect(retry()).rejects.toMatchObject({ code: 'UNKNOWN_JOB' })
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded' })
  })

  it('keeps each final state for its own time', async () => {
    const kept = defineJob({
      args: z.object({ fail: z.boolean() }),
      retry: { attempts: 1 },
      keep: { succeeded: '1h', cancelled: '2h', failed: '3h' },
      run: ({ fail }) => {
        if (fail) throw new Error('no')
      },
    })
    await using errand = await testErrand({ kept })
    await errand.enqueue('kept', { fail: false })
    await errand.enqueue('kept', { fail: true })
    await errand.run()
    const id = await errand.enqueue('kept', { fail: false }, { delay: '1d' })
    await errand.coordinator.fetch(new Request(`http://coordinator.test/job/${id}`, { method: 'DELETE' }))
    const left: string[][] = []
    for (let hour = 0; hour <= 3; hour++) {
      await errand.purge()
      left.push((await jobsOf(errand).find().sort({ state: 1 }).toArray()).map(({ state }) => state))
      await errand.clock.advance('1h')
    }
    expect(left).toEqual([['cancelled', 'failed', 'succeeded'], ['cancelled', 'failed'], ['failed'], []])
  })

  it.each([
    [{}, { succeeded: 1, failed: 30, cancelled: 7 }],
    [{ keep: { failed: '90d' as const } }, { succeeded: 1, failed: 90, cancelled: 7 }],
  ])('keeps by default a day, a month and a week: %j', (options, days) => {
    const { keepMs } = readContract('work', { args: z.object({}), ...options })
    expect(keepMs).toEqual(Object.fromEntries(Object.entries(days).map(([state, n]) => [state, n * 86_400_000])))
  })
})

describe('a worker that is not deployed', () => {
  it('keeps its jobs waiting, lets others pass, and runs them when it is back', async () => {
    await using errand = await testErrand({ work, gone: work })
    const id = await errand.enqueue('gone', {}, { delay: '1s' })
    await using without = await testErrand({ work }, { beside: errand })
    await errand.clock.advance('1s')
    const other = await without.enqueue('work')
    await without.run()
    expect(await without.get(other)).toMatchObject({ state: 'succeeded' })
    expect(await without.get(id)).toMatchObject({ state: 'queued', workerKnown: false, attempt: 0 })
    await errand.coordinator.start() // a start releases what waits for its workers
    await errand.coordinator.dispatcher.pump()
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', workerKnown: true })
  })
})

describe('shutdown', () => {
  it('waits for running attempts', async () => {
    const functions = gate()
    await using errand = await testErrand({ work }, { invoke: functions.invoke })
    const id = await errand.enqueue('work')
    const stopped = errand.coordinator.stop()
    functions.open()
    await stopped
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', attempt: 1 })
  })

  it('gives jobs back after the limit, uncharged, for another coordinator to run', async () => {
    const functions = gate()
    await using errand = await testErrand({ work }, { invoke: functions.invoke })
    const id = await errand.enqueue('work')
    await errand.coordinator.stop({ graceMs: 0 })
    expect(await errand.get(id)).toMatchObject({ state: 'queued', attempt: 0, receipts: [] })
    await using second = await testErrand({ work }, { beside: errand })
    await second.run()
    expect(await second.get(id)).toMatchObject({ state: 'succeeded', attempt: 1 })
  })

  it('does not give a job back whose function has posted its receipt', async () => {
    const functions = gate()
    await using errand = await testErrand({ work }, { invoke: functions.invoke })
    await using other = await testErrand({ work }, { beside: errand })
    const id = await errand.enqueue('work')
    const { claim } = (await jobsOf(errand).findOne({ _id: id }))!
    const token = errand.coordinator.deps.signer.receiptToken(id, claim!)
    // the receipt is in the ledger, and its coordinator is slow to move the job
    const [inLedger, mayMove] = [signal(), signal()]
    const { jobs } = other.coordinator.deps.store
    const apply = jobs.apply.bind(jobs)
    jobs.apply = async (...args) => {
      inLedger.resolve()
      await mayMove.promise
      return apply(...args)
    }
    const posted = other.post(`/job/${id}/receipt?token=${token}`, { status: 'success' })
    await inLedger.promise
    await errand.coordinator.stop({ graceMs: 0 })
    mayMove.resolve()
    expect(await posted).toMatchObject({ status: 200, body: { recorded: true } })
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', attempt: 1, receipts: [{ status: 'success' }] })
  })

  it('refuses a receipt of a run that was given back', async () => {
    const functions = gate()
    await using errand = await testErrand({ work }, { invoke: functions.invoke })
    await using other = await testErrand({ work }, { beside: errand })
    const id = await errand.enqueue('work')
    const { claim } = (await jobsOf(errand).findOne({ _id: id }))!
    const token = errand.coordinator.deps.signer.receiptToken(id, claim!)
    await errand.coordinator.stop({ graceMs: 0 })
    expect(await other.post(`/job/${id}/receipt?token=${token}`, { status: 'success' })).toMatchObject({ status: 409 })
    await other.run()
    expect(await other.get(id)).toMatchObject({ state: 'succeeded', attempt: 1, receipts: [{ attempt: 1 }] })
  })

  it('is finished by the reaper where its coordinator dies before it has moved the job', async () => {
    const functions = gate()
    await using errand = await testErrand({ work }, { invoke: functions.invoke })
    const id = await errand.enqueue('work')
    errand.coordinator.deps.store.jobs.apply = () => Promise.reject(new Error('dead'))
    await errand.coordinator.stop({ graceMs: 0 })
    expect(await errand.get(id)).toMatchObject({ state: 'running', receipts: [] })
    await using other = await testErrand({ work }, { beside: errand })
    await other.clock.advance('30s')
    await other.reap()
    await other.run()
    expect(await other.get(id)).toMatchObject({ state: 'succeeded', attempt: 1, receipts: [{ status: 'success' }] })
  })

  it('is hurried by a second stop with a shorter grace', async () => {
    const functions = gate()
    await using errand = await testErrand({ work }, { invoke: functions.invoke })
    const id = await errand.enqueue('work')
    const stopped = errand.coordinator.stop()
    await errand.coordinator.stop({ graceMs: 0 })
    await stopped
    expect(await errand.get(id)).toMatchObject({ state: 'queued', attempt: 0 })
  })

  it('claims nothing any more', async () => {
    const functions = gate()
    await using errand = await testErrand({ work }, { invoke: functions.invoke })
    await errand.coordinator.stop()
    const { body } = await errand.post('/job', { worker: 'work' })
    await errand.coordinator.dispatcher.pump()
    expect(functions.called).toEqual([])
    expect(await errand.get(body.id)).toMatchObject({ state: 'queued' })
  })
})

describe('two coordinators', () => {
  it('share the work, and run nothing twice', async () => {
    const first = gate()
    const second = gate()
    await using one = await testErrand({ work }, { invoke: first.invoke, concurrency: 50 })
    await using two = await testErrand({ work }, { beside: one, invoke: second.invoke, concurrency: 50 })
    const ids = await Promise.all(
      Array.from({ length: 400 }, (_, n) => (n % 2 ? one : two).enqueue('work', { n }, { delay: '1s' })),
    )
    await one.clock.advance('1s')
    await one.stage()
    await Promise.all([one.claim(), two.claim()])
    while (first.called.length < 50 || second.called.length < 50) await Promise.all([one.claim(), two.claim()])
    first.open()
    second.open()
    while ((await jobsOf(one).countDocuments({ state: 'queued' })) > 0) await Promise.all([one.run(), two.run()])
    const called = [...first.called, ...second.called]
    expect(called).toHaveLength(400)
    expect(new Set(called)).toEqual(new Set(ids))
    expect(await jobsOf(one).countDocuments({ state: 'succeeded', attempt: 1 })).toBe(400)
  })
})

describe('hot queries', () => {
  it('examine about as many keys as they return, with a backlog of others', async () => {
    await using errand = await testErrand({ work })
    const at = new Date('2030-01-02')
    const rows = (state: string, count: number, more: object) =>
      Array.from({ length: count }, (_, n) => ({
        _id: `${state}-${n}`,
        worker: 'work',
        args: '{}',
        priority: 0,
        attempt: 0,
        maxAttempts: 5,
        createdAt: at,
        runAt: at,
        state,
        ...more,
      }))
    await jobsOf(errand).insertMany([
      ...rows('succeeded', 3_000, { finishedAt: at, expireAt: at }),
      ...rows('scheduled', 3_000, {}),
      ...rows('running', 3_000, { claim: 'x', deadline: at }),
      ...rows('queued', 50, {}),
      ...rows('held', 3_000, { state: 'queued', held: 'worker' }),
    ] as never)
    const explain = async (filter: object, sort: Record<string, 1 | -1>, hint: string) => {
      const plan = await errand.database.db
        .collection('errand_jobs')
        .find(filter, { hint })
        .sort(sort)
        .limit(20)
        .explain('executionStats')
      return { keys: plan.executionStats.totalKeysExamined, sorts: JSON.stringify(plan).includes('"SORT"') }
    }
    const none = new Date('2030-01-01')
    const cheap = { keys: expect.toSatisfy((keys: number) => keys <= 22), sorts: false }
    expect(await explain({ state: 'queued', held: null }, { priority: -1, _id: 1 }, 'claimable')).toEqual(cheap)
    expect(await explain({ state: 'scheduled', runAt: { $lte: none } }, { runAt: 1 }, 'due')).toEqual(cheap)
    expect(await explain({ state: 'running', deadline: { $lte: none } }, { deadline: 1 }, 'overdue')).toEqual(cheap)
    expect(await explain({ expireAt: { $lte: none } }, { expireAt: 1 }, 'expired')).toEqual(cheap)
  })
})
