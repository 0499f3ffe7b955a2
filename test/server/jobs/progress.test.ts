import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { retryJob } from '../../../server/operations/jobActions.js'
import { testErrand } from '../../support/errand.js'
import { handOperated, pathOf } from '../../support/handOperated.js'

const work = defineJob({ args: z.object({}), retry: { attempts: 2, backoff: ['5s'] }, timeout: '30s', run: () => null })
const line = (message: string, fields?: Record<string, unknown>) => ({
  at: '2030-01-01T00:00:00.000Z',
  message,
  ...(fields && { fields }),
})

async function running() {
  const functions = handOperated()
  const errand = await testErrand({ work }, { invoke: functions.invoke })
  const id = await errand.enqueue('work')
  const { call, answer } = await functions.next()
  return { errand, functions, id, call, answer }
}

describe('while an attempt runs', () => {
  it('shows its progress and its log with the job, and leaves its deadline where it is', async () => {
    const { errand, id, call } = await running()
    await using _ = errand
    await errand.clock.advance('20s')
    const report = { progress: { fraction: 0.4, note: 'rows' }, log: [line('a', { n: 1 })], logDropped: 3 }
    expect(await errand.post(pathOf(call, 'progress'), report)).toEqual({ status: 200, body: { recorded: true } })
    const job = await errand.get(id)
    expect(job).toMatchObject({
      state: 'running',
      progress: { fraction: 0.4, note: 'rows', at: '2030-01-01T00:00:20.000Z' },
      log: [line('a', { n: 1 })],
      logDropped: 3,
      receipts: [],
    })
    await errand.clock.advance('10s')
    // by the coordinator that calls, or by the reaper, whoever is first
    await errand.reap()
    await errand.quiet()
    expect(await errand.get(id)).toMatchObject({ receipts: [{ attempt: 1, error: { code: 'TIMEOUT' } }] })
  })

  it('replaces the lines that were reported before, and keeps what a report says nothing of', async () => {
    const { errand, id, call } = await running()
    await using _ = errand
    await errand.post(pathOf(call, 'progress'), { progress: { fraction: 0.1 }, log: [line('a')] })
    await errand.post(pathOf(call, 'progress'), { log: [line('a'), line('b')] })
    await errand.post(pathOf(call, 'progress'), { progress: { fraction: 0.2 } })
    expect(await errand.get(id)).toMatchObject({ progress: { fraction: 0.2 }, log: [line('a'), line('b')] })
  })

  it('lists progress, but no logs', async () => {
    const { errand, call } = await running()
    await using _ = errand
    await errand.post(pathOf(call, 'progress'), { progress: { fraction: 0.1 }, log: [line('a')] })
    const { coordinator } = errand
    const response = await coordinator.fetch(new Request('http://coordinator.test/trpc/jobs.list?input={"json":{}}'))
    const text = await response.text()
    expect(text).toContain('"fraction":0.1')
    expect(text).not.toContain('"message":"a"')
  })

  it('refuses reports that are no reports, by the wrong hands, or of attempts that are over', async () => {
    const { errand, id, call, answer } = await running()
    await using _ = errand
    const path = pathOf(call, 'progress')
    expect(await errand.post(path, { progress: { fraction: 2 } })).toMatchObject({
      status: 400,
      body: { error: { issues: [{ path: ['progress', 'fraction'] }] } },
    })
    expect(await errand.post(path, { done: true })).toMatchObject({
      status: 400,
      body: { error: { code: 'BAD_REQUEST' } },
    })
    expect((await errand.post(path, { log: [line('x'.repeat(70_000))] })).status).toBe(413)
    expect((await errand.post(`/job/${id}/progress?token=x`, {})).status).toBe(401)
    expect(
      (
        await errand.post(
          `/job/nobody/progress?token=${errand.coordinator.deps.signer.receiptToken('nobody', 'c')}`,
          {},
        )
      ).status,
    ).toBe(404)
    answer({ kind: 'receipt', receipt: { status: 'success' } })
    await errand.coordinator.dispatcher.idle()
    expect(await errand.post(path, { progress: { fraction: 1 } })).toMatchObject({
      status: 409,
      body: { error: { code: 'ATTEMPT_OVER' } },
    })
    expect(await errand.get(id)).not.toHaveProperty('progress')
  })

  it('refuses reports past the deadline, and of a cancelled job', async () => {
    const { errand, call } = await running()
    await using _ = errand
    await errand.clock.advance('30s')
    expect((await errand.post(pathOf(call, 'progress'), { progress: { fraction: 1 } })).status).toBe(409)
    const other = await running()
    await using __ = other.errand
    await other.errand.post(pathOf(other.call, 'progress'), { log: [line('a')] })
    await other.errand.coordinator.fetch(new Request(`http://coordinator.test/job/${other.id}`, { method: 'DELETE' }))
    expect((await other.errand.post(pathOf(other.call, 'progress'), {})).status).toBe(409)
    expect(await other.errand.get(other.id)).toMatchObject({ state: 'cancelled', log: [line('a')] })
    await other.errand.post(pathOf(other.call), { status: 'success', log: [line('a'), line('b')] })
    const job = await other.errand.get(other.id)
    expect(job).not.toHaveProperty('log')
    expect(job.receipts).toMatchObject([{ late: true, log: [line('a'), line('b')] }])
  })
})

describe('when the attempt ends', () => {
  it('keeps what the receipt tells with the receipt, and nothing with the job', async () => {
    const { errand, id, call, answer } = await running()
    await using _ = errand
    await errand.post(pathOf(call, 'progress'), { progress: { fraction: 0.1 }, log: [line('a')] })
    const told = { progress: { fraction: 1 }, log: [line('a'), line('b')], logDropped: 1 }
    answer({ kind: 'receipt', receipt: { status: 'success', result: 1, ...told } })
    await errand.coordinator.dispatcher.idle()
    const job = await errand.get(id)
    expect(job.receipts).toMatchObject([{ status: 'success', ...told }])
    expect(job).not.toHaveProperty('progress')
    expect(job).not.toHaveProperty('log')
    expect(await errand.database.db.collection('errand_jobs').findOne({})).not.toHaveProperty('runProgress')
  })

  it('keeps what was reported where a posted receipt says nothing of it', async () => {
    const { errand, id, call, answer } = await running()
    await using _ = errand
    answer({ kind: 'accepted' })
    await errand.post(pathOf(call, 'progress'), { progress: { fraction: 0.1 }, log: [line('a')] })
    await errand.post(pathOf(call), { status: 'failure', error: 'no' })
    expect((await errand.get(id)).receipts).toMatchObject([{ progress: { fraction: 0.1 }, log: [line('a')] }])
  })

  it('keeps what was reported when the deadline passes: by the coordinator that calls', async () => {
    const { errand, id, call } = await running()
    await using _ = errand
    await using other = await testErrand({ work }, { beside: errand })
    await errand.clock.advance('1s')
    await other.post(pathOf(call, 'progress'), { log: [line('last words')] })
    await errand.clock.advance('29s')
    await errand.coordinator.dispatcher.idle()
    expect((await errand.get(id)).receipts).toMatchObject([{ error: { code: 'TIMEOUT' }, log: [line('last words')] }])
  })

  it('keeps what was reported when the deadline passes: by the reaper', async () => {
    const { errand, id, call, answer } = await running()
    await using _ = errand
    answer({ kind: 'accepted' })
    await errand.coordinator.dispatcher.idle()
    await errand.post(pathOf(call, 'progress'), { log: [line('last words')] })
    await errand.clock.advance('30s')
    await errand.reap()
    expect((await errand.get(id)).receipts).toMatchObject([{ error: { code: 'TIMEOUT' }, log: [line('last words')] }])
  })

  it('keeps what was reported when the function dies', async () => {
    const { errand, id, call, answer } = await running()
    await using _ = errand
    await errand.clock.advance('1s')
    await errand.post(pathOf(call, 'progress'), { log: [line('last words')] })
    answer({ kind: 'failed', code: 'HTTP_502', message: 'Bad Gateway' })
    await errand.coordinator.dispatcher.idle()
    expect((await errand.get(id)).receipts).toMatchObject([{ error: { code: 'HTTP_502' }, log: [line('last words')] }])
  })

  it('finishes the move of a coordinator that died after the receipt, with the log in it', async () => {
    const { errand, id, call, answer } = await running()
    await using _ = errand
    answer({ kind: 'accepted' })
    const { store } = errand.coordinator.deps
    const { jobs } = store
    store.jobs = { ...jobs, apply: () => Promise.reject(new Error('killed')) }
    await errand.post(pathOf(call), { status: 'success', log: [line('a')] })
    store.jobs = jobs
    await errand.clock.advance('30s')
    await errand.reap()
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', receipts: [{ log: [line('a')] }] })
  })

  it('holds to the bounds of a log, whatever a function sends', async () => {
    const { errand, id, answer } = await running()
    await using _ = errand
    const log = Array.from({ length: 50 }, (__, n) => line(`${n} ${'x'.repeat(1_000)}`))
    answer({ kind: 'receipt', receipt: { status: 'success', log, logDropped: 5 } })
    await errand.coordinator.dispatcher.idle()
    const [receipt] = (await errand.get(id)).receipts
    expect(receipt!.log!.length).toBeLessThan(17)
    expect(receipt!.log!.at(-1)).toEqual(log.at(-1))
    expect(receipt!.log!.length + receipt!.logDropped!).toBe(55)
  })
})

describe('a new attempt', () => {
  it('begins without the progress of the last one', async () => {
    const { errand, functions, id, call, answer } = await running()
    await using _ = errand
    await errand.post(pathOf(call, 'progress'), { progress: { fraction: 0.9 }, log: [line('a')] })
    answer({ kind: 'receipt', receipt: { status: 'failure', error: { name: 'E', message: '' } } })
    await errand.coordinator.dispatcher.idle()
    await errand.clock.advance('5s')
    await errand.stage()
    await errand.claim()
    await functions.next()
    const job = await errand.get(id)
    expect(job).toMatchObject({ state: 'running', attempt: 2 })
    expect(job).not.toHaveProperty('progress')
    expect(job).not.toHaveProperty('log')
  })

  it('begins without what a cancelled one told', async () => {
    const { errand, functions, id, call } = await running()
    await using _ = errand
    await errand.post(pathOf(call, 'progress'), { progress: { fraction: 0.9 }, log: [line('a')] })
    await errand.coordinator.fetch(new Request(`http://coordinator.test/job/${id}`, { method: 'DELETE' }))
    await retryJob(errand.coordinator.deps, id)
    await errand.claim()
    const again = await functions.next()
    expect(await errand.get(id)).not.toHaveProperty('progress')
    again.answer({ kind: 'receipt', receipt: { status: 'success' } })
    await errand.coordinator.dispatcher.idle()
    expect((await errand.get(id)).receipts.at(-1)).not.toHaveProperty('log')
  })
})

describe('through the runtime', () => {
  it('takes progress and lines from run to whoever looks', async () => {
    let go!: () => void
    const gate = new Promise<void>((resolve) => (go = resolve))
    const slow = defineJob({
      args: z.object({}),
      async run(_, ctx) {
        ctx.progress(0.5, 'half')
        ctx.log('waiting', { for: 'the test' })
        await gate
        ctx.progress(1)
      },
    })
    await using errand = await testErrand({ slow })
    const id = await errand.enqueue('slow')
    await errand.clock.advance('250ms')
    while ((await errand.get(id)).progress === undefined);
    expect(await errand.get(id)).toMatchObject({
      state: 'running',
      progress: { fraction: 0.5, note: 'half' },
      log: [{ message: 'waiting', fields: { for: 'the test' } }],
    })
    go()
    await errand.coordinator.dispatcher.idle()
    expect((await errand.get(id)).receipts).toMatchObject([
      { status: 'success', progress: { fraction: 1 }, log: [{ message: 'waiting' }] },
    ])
  })
})
