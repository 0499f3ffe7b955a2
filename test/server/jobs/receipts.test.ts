import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { readAnswer } from '../../../server/functions/invoke.js'
import { retryJob } from '../../../server/operations/jobActions.js'
import { watchCancelled } from '../../../server/jobs/watchCancelled.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import { handOperated } from '../../support/handOperated.js'

const work = defineJob({ args: z.object({}), retry: { attempts: 2, backoff: ['5s'] }, timeout: '30s', run: () => null })

const path = (receipt: string, end = 'receipt') => {
  const url = new URL(receipt)
  return url.pathname.replace(/receipt$/, end) + url.search
}
const success = { status: 'success', result: { ok: true } }

async function posted() {
  const functions = handOperated()
  const errand = await testErrand({ work }, { invoke: functions.invoke })
  const id = await errand.enqueue('work')
  const { call, answer } = await functions.next()
  answer({ kind: 'accepted' })
  await errand.coordinator.dispatcher.idle()
  return { errand, functions, id, call }
}

describe('POST /job/:id/receipt', () => {
  it('takes the receipt of a function that answered 202', async () => {
    const { errand, id, call } = await posted()
    await using _ = errand
    expect(await errand.get(id)).toMatchObject({ state: 'running', receipts: [] })
    expect(await errand.post(path(call.receipt), success)).toEqual({ status: 200, body: { recorded: true } })
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', receipts: [{ result: { ok: true } }] })
  })

  it('knows a repeat, and keeps the first', async () => {
    const { errand, id, call } = await posted()
    await using _ = errand
    await errand.post(path(call.receipt), success)
    const again = await errand.post(path(call.receipt), { status: 'failure', error: { message: 'no' } })
    expect(again).toEqual({ status: 200, body: { recorded: true, duplicate: true } })
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', receipts: [{ status: 'success' }] })
  })

  it('accepts exactly one of many that come at once', async () => {
    const { errand, id, call } = await posted()
    await using _ = errand
    const answers = await Promise.all(
      Array.from({ length: 50 }, (__, n) =>
        errand.post(path(call.receipt), n % 2 ? success : { status: 'failure', error: 'no' }),
      ),
    )
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    expect(answers.filter(({ body }) => body.duplicate !== true)).toHaveLength(1)
    expect((await errand.get(id)).receipts).toHaveLength(1)
  })

  it('takes failures, with what the function says of trying again', async () => {
    const { errand, id, call } = await posted()
    await using _ = errand
    await errand.post(path(call.receipt), {
      status: 'failure',
      error: { name: 'Busy', message: 'later', code: 'E1', cause: { message: 'root' } },
      retryAfter: '17s',
    })
    expect(await errand.get(id)).toMatchObject({
      state: 'scheduled',
      runAt: '2030-01-01T00:00:17.000Z',
      receipts: [{ error: { name: 'Busy', message: 'later', code: 'E1', cause: { message: 'root' } } }],
    })
  })

  it('refuses a bad token, an unknown job, another job, and a body that is no receipt', async () => {
    const { errand, id, call } = await posted()
    await using _ = errand
    const other = await errand.enqueue('work', {}, { delay: '1h' })
    const token = new URL(call.receipt).searchParams.get('token')!
    expect((await errand.post(`/job/${id}/receipt`, success)).status).toBe(401)
    expect((await errand.post(`/job/${id}/receipt?token=${token.slice(0, -2)}xx`, success)).status).toBe(401)
    expect((await errand.post(`/job/${other}/receipt?token=${token}`, success)).status).toBe(401)
    expect(
      (
        await errand.post(
          `/job/nobody/receipt?token=${errand.coordinator.deps.signer.receiptToken('nobody', 'c')}`,
          success,
        )
      ).status,
    ).toBe(404)
    expect((await errand.post(path(call.receipt), { status: 'done' })).status).toBe(400)
    expect(
      (await errand.post(path(call.receipt), { ...success, resultMeta: { values: { '__proto__.x': ['Date'] } } }))
        .status,
    ).toBe(400)
    expect(await errand.get(id)).toMatchObject({ state: 'running', receipts: [] })
  })

  it('refuses a receipt that comes after the deadline', async () => {
    const { errand, id, call } = await posted()
    await using _ = errand
    await errand.clock.advance('30s')
    const late = await errand.post(path(call.receipt), success)
    expect(late).toMatchObject({ status: 409, body: { error: { code: 'ATTEMPT_OVER' } } })
    expect(await errand.get(id)).toMatchObject({
      state: 'scheduled',
      receipts: [{ status: 'failure', error: { code: 'TIMEOUT' } }],
    })
  })

  it('refuses the receipt of an earlier attempt while another one runs', async () => {
    const { errand, functions, id, call } = await posted()
    await using _ = errand
    await errand.clock.advance('30s')
    await errand.reap()
    await errand.clock.advance('5s')
    await errand.stage()
    await errand.claim()
    const second = await functions.next()
    expect(second.call.attempt).toBe(2)
    expect((await errand.post(path(call.receipt), success)).status).toBe(409)
    second.answer({ kind: 'receipt', receipt: { status: 'success', result: 'second' } })
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(id)).toMatchObject({
      state: 'succeeded',
      receipts: [{ attempt: 1 }, { attempt: 2, result: 'second' }],
    })
  })
})

describe('timeout', () => {
  it('gives an attempt whose function is silent a TIMEOUT receipt, and tries again', async () => {
    const functions = handOperated()
    await using errand = await testErrand({ work }, { invoke: functions.invoke })
    const id = await errand.enqueue('work')
    const { signal } = await functions.next()
    await errand.clock.advance('29s')
    expect(signal.aborted).toBe(false)
    await errand.clock.advance('1s')
    await errand.coordinator.dispatcher.idle()
    expect(signal.aborted).toBe(true)
    expect(await errand.get(id)).toMatchObject({
      state: 'scheduled',
      receipts: [{ attempt: 1, status: 'failure', error: { code: 'TIMEOUT' } }],
    })
  })

  it('reaps attempts whose coordinator is gone, and counts them', async () => {
    const { errand, id } = await posted()
    await using _ = errand
    expect(await errand.reap()).toEqual([])
    await errand.clock.advance('30s')
    expect(await errand.reap()).toEqual([id])
    expect(await errand.reap()).toEqual([])
    expect(await errand.get(id)).toMatchObject({ state: 'scheduled', attempt: 1 })
  })

  it('finishes the move of a coordinator that died between the receipt and the move, without running the work again', async () => {
    const { errand, id, call } = await posted()
    await using _ = errand
    const { deps } = errand.coordinator
    const { jobs } = deps.store
    deps.store.jobs = { ...jobs, apply: () => Promise.reject(new Error('killed')) }
    await errand.post(path(call.receipt), success)
    deps.store.jobs = jobs
    expect((await errand.get(id)).state).toBe('running')
    await errand.clock.advance('30s')
    await errand.reap()
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', attempt: 1, receipts: [{ status: 'success' }] })
  })
})

describe('heartbeat', () => {
  it('moves the deadline of the attempt that holds the claim, and of no other', async () => {
    const functions = handOperated()
    await using errand = await testErrand({ work }, { invoke: functions.invoke })
    const id = await errand.enqueue('work')
    const { call, answer, signal } = await functions.next()
    await errand.clock.advance('20s')
    expect(await errand.post(path(call.receipt, 'heartbeat'), {})).toEqual({
      status: 200,
      body: { deadline: '2030-01-01T00:00:50.000Z' },
    })
    await errand.clock.advance('20s')
    expect(signal.aborted).toBe(false)
    answer({ kind: 'receipt', receipt: { status: 'success' } })
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', attempt: 1 })
    expect((await errand.post(path(call.receipt, 'heartbeat'), {})).status).toBe(409)
    expect((await errand.post(`/job/${id}/heartbeat?token=x`, {})).status).toBe(401)
  })
})

describe('maxRuntime', () => {
  const hanging = defineJob({ ...work, maxRuntime: '1m' })

  it('is as far as heartbeats move the deadline', async () => {
    const functions = handOperated()
    await using errand = await testErrand({ hanging }, { invoke: functions.invoke })
    const id = await errand.enqueue('hanging')
    const { call, answer } = await functions.next()
    answer({ kind: 'accepted' })
    await errand.coordinator.dispatcher.idle()
    for (const [wait, deadline] of [
      ['20s', '2030-01-01T00:00:50.000Z'],
      ['20s', '2030-01-01T00:01:00.000Z'],
      ['10s', '2030-01-01T00:01:00.000Z'],
    ] as const) {
      await errand.clock.advance(wait)
      expect((await errand.post(path(call.receipt, 'heartbeat'), {})).body).toEqual({ deadline })
    }
    await errand.clock.advance('10s')
    expect((await errand.post(path(call.receipt, 'heartbeat'), {})).status).toBe(409)
    await errand.reap()
    expect((await errand.get(id)).receipts).toMatchObject([{ error: { code: 'TIMEOUT' } }])
  })

  it('is a day where nothing is said', async () => {
    const functions = handOperated()
    const long = defineJob({ ...work, timeout: '20h' })
    await using errand = await testErrand({ long }, { invoke: functions.invoke })
    await errand.enqueue('long')
    const { call, answer } = await functions.next()
    answer({ kind: 'accepted' })
    await errand.coordinator.dispatcher.idle()
    await errand.clock.advance('10h')
    expect((await errand.post(path(call.receipt, 'heartbeat'), {})).body).toEqual({
      deadline: '2030-01-02T00:00:00.000Z',
    })
  })
})

describe('a result of more than 1 MiB', () => {
  const large = { status: 'success', result: 'x'.repeat(1024 * 1024) } as const

  it('is refused with 413 where it is posted, and the attempt goes on', async () => {
    const { errand, id, call } = await posted()
    await using _ = errand
    expect(await errand.post(path(call.receipt), large)).toMatchObject({
      status: 413,
      body: {
        error: {
          code: 'PAYLOAD_TOO_LARGE',
          maxBytes: 1024 * 1024,
          message: expect.stringMatching(/1048578 bytes.*Store it elsewhere/) as string,
        },
      },
    })
    expect(await errand.get(id)).toMatchObject({ state: 'running', receipts: [] })
    expect((await errand.post(path(call.receipt), success)).status).toBe(200)
  })

  it('fails the job for good where it is answered, alone or among others, and keeps what was told', () => {
    const log = [{ at: '2030-01-01T00:00:00.000Z', message: 'a' }]
    const failure = { status: 'failure', fatal: true, error: { code: 'RESULT_TOO_LARGE' } }
    expect(readAnswer(200, undefined, JSON.stringify({ ...large, log }))).toMatchObject({
      kind: 'receipt',
      receipt: { ...failure, log },
    })
    expect(readAnswer(200, undefined, JSON.stringify({ receipts: [success, large] }))).toMatchObject({
      kind: 'receipts',
      receipts: [success, failure],
    })
    const meta = { ...success, resultMeta: { values: { a: 'x'.repeat(1024 * 1024) } } }
    expect(readAnswer(200, undefined, JSON.stringify(meta))).toMatchObject({ receipt: failure })
    const fits = { status: 'success', result: 'x'.repeat(1024 * 1024 - 2) }
    const text = JSON.stringify(fits)
    expect(readAnswer(200, undefined, text)).toEqual({ kind: 'receipt', receipt: fits, size: text.length })
  })
})

describe('cancel while running', () => {
  const cancel = (errand: TestErrand, id: string) =>
    errand.coordinator.fetch(new Request(`http://coordinator.test/job/${id}`, { method: 'DELETE' }))

  it('breaks the call off, and a late receipt is recorded and changes nothing', async () => {
    const functions = handOperated()
    await using errand = await testErrand({ work }, { invoke: functions.invoke })
    const id = await errand.enqueue('work')
    const { call, signal } = await functions.next()
    await cancel(errand, id)
    await errand.coordinator.dispatcher.idle()
    expect(signal.aborted).toBe(true)
    await errand.clock.advance('1s')
    for (let times = 0; times < 2; times++) {
      expect(await errand.post(path(call.receipt), success)).toMatchObject({
        status: 409,
        body: { error: { code: 'ATTEMPT_OVER', recorded: true, state: 'cancelled' } },
      })
    }
    expect(await errand.get(id)).toMatchObject({
      state: 'cancelled',
      finishedAt: '2030-01-01T00:00:00.000Z',
      receipts: [{ attempt: 1, late: true, result: { ok: true }, startedAt: '2030-01-01T00:00:00.000Z' }],
    })
    expect((await errand.get(id)).receipts).toHaveLength(1)
  })

  it('refuses its heartbeat, and records a receipt that comes while the retried job runs again', async () => {
    const { errand, id, call, functions } = await posted()
    await using _ = errand
    await cancel(errand, id)
    expect((await errand.post(path(call.receipt, 'heartbeat'), {})).status).toBe(409)
    await retryJob(errand.coordinator.deps, id)
    await errand.claim()
    const again = await functions.next()
    expect((await errand.post(path(call.receipt), success)).status).toBe(409)
    expect((await errand.get(id)).state).toBe('running')
    again.answer({ kind: 'receipt', receipt: { status: 'success', result: 2 } })
    await errand.coordinator.dispatcher.idle()
    const { state, receipts } = await errand.get(id)
    expect([state, receipts.map(({ attempt, late, result }) => [attempt, late, result])]).toEqual([
      'succeeded',
      [
        [1, true, { ok: true }],
        [2, undefined, 2],
      ],
    ])
  })

  it('keeps what the function answers to a coordinator that did not hear of the cancel', async () => {
    const functions = handOperated()
    await using errand = await testErrand({ work }, { invoke: functions.invoke })
    await using other = await testErrand({ work }, { beside: errand })
    const id = await errand.enqueue('work')
    const { answer } = await functions.next()
    await cancel(other, id)
    answer({ kind: 'receipt', receipt: { status: 'success' } })
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(id)).toMatchObject({ state: 'cancelled', receipts: [{ status: 'success', late: true }] })
  })

  it('breaks off the call on another coordinator, which looks for cancels', async () => {
    const functions = handOperated()
    await using errand = await testErrand({ work }, { invoke: functions.invoke })
    await using other = await testErrand({ work }, { beside: errand })
    const look = watchCancelled(errand.coordinator.deps, errand.coordinator.dispatcher)
    const [id, running] = [await errand.enqueue('work'), await errand.enqueue('work')]
    const [first, second] = [await functions.next(), await functions.next()]
    await look()
    await cancel(other, id)
    await look()
    expect([first.signal.aborted, second.signal.aborted]).toEqual([true, false])
    second.answer({ kind: 'receipt', receipt: { status: 'success' } })
    await errand.coordinator.dispatcher.idle()
    expect((await errand.get(running)).state).toBe('succeeded')
  })
})
