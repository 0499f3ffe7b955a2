import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import type { AttemptResultDocument } from '../../../server/store/documents.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import { handOperated, pathOf } from '../../support/handOperated.js'

const work = defineJob({ args: z.object({}), retry: { attempts: 2, backoff: ['5s'] }, timeout: '30s', run: () => null })

const outage = () => Object.assign(new Error('connection 1 to 127.0.0.1:1 closed'), { name: 'MongoNetworkError' })

type Insert = (documents: AttemptResultDocument[]) => Promise<boolean[]>

/** Puts something in the way of receipts on their way into the ledger. */
function around({ coordinator }: TestErrand, insert: (write: Insert) => Insert) {
  const { store } = coordinator.deps
  const { receipts } = store
  store.receipts = { ...receipts, insertMany: insert((documents) => receipts.insertMany(documents)) }
}

async function answering() {
  const functions = handOperated()
  const errand = await testErrand({ work }, { invoke: functions.invoke })
  const id = await errand.enqueue('work')
  const { call, answer } = await functions.next()
  return { errand, id, call, answer }
}

function signal() {
  let resolve = () => {}
  const promise = new Promise<void>((given) => (resolve = given))
  return { promise, resolve }
}

const success = { kind: 'receipt', receipt: { status: 'success', result: 42 } } as const
const dispatcherIdle = ({ coordinator }: TestErrand) => coordinator.dispatcher.idle()

/** Lets the coordinator not read jobs until it is told otherwise. */
function keepFromReading({ coordinator }: TestErrand) {
  const { jobs } = coordinator.deps.store
  const { find } = jobs
  const asked = signal()
  const answered = signal()
  let away = true
  jobs.find = (id) => {
    ;(away ? asked : answered).resolve()
    return away ? Promise.reject(outage()) : find(id)
  }
  return { asked: asked.promise, answered: answered.promise, comeBack: () => (away = false) }
}

describe('a call whose deadline comes while the database is away', () => {
  it('goes on by the deadline that a heartbeat moved, once the database can say so', async () => {
    const { errand, id, call, answer } = await answering()
    await using _ = errand
    await errand.clock.advance('20s')
    await errand.post(pathOf(call, 'heartbeat'), {})
    const database = keepFromReading(errand)
    await errand.clock.advance('11s')
    await database.asked
    database.comeBack()
    await errand.clock.advance('1s')
    await database.answered
    answer(success)
    await dispatcherIdle(errand)
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', attempt: 1, receipts: [{ status: 'success' }] })
  })

  it('ends when the database says that nothing moved it', async () => {
    const { errand, id } = await answering()
    await using _ = errand
    const database = keepFromReading(errand)
    await errand.clock.advance('31s')
    await database.asked
    database.comeBack()
    await errand.clock.advance('1s')
    await dispatcherIdle(errand)
    expect(await errand.get(id)).toMatchObject({ state: 'scheduled', receipts: [{ error: { code: 'TIMEOUT' } }] })
  })
})

describe('a receipt whose write fails', () => {
  it('is written when the database is back, and counts from when it was answered', async () => {
    const { errand, id, answer } = await answering()
    await using _ = errand
    let away = true
    const tried = signal()
    around(errand, (write) => async (receipts) => {
      if (!away) return write(receipts)
      tried.resolve()
      throw outage()
    })
    answer(success)
    await tried.promise
    await errand.clock.advance('20s')
    away = false
    errand.coordinator.deps.events.emit('databaseBack', undefined)
    await dispatcherIdle(errand)
    expect(await errand.get(id)).toMatchObject({
      state: 'succeeded',
      attempt: 1,
      receipts: [{ attempt: 1, status: 'success', result: 42, finishedAt: '2030-01-01T00:00:00.000Z' }],
    })
  })

  it('is left to the reaper once its deadline is over', async () => {
    const { errand, id, answer } = await answering()
    await using _ = errand
    const tried = signal()
    let away = true
    around(errand, (write) => async (receipts) => {
      if (!away) return write(receipts)
      tried.resolve()
      throw outage()
    })
    answer(success)
    await tried.promise
    await errand.clock.advance('31s')
    await dispatcherIdle(errand)
    away = false
    await errand.reap()
    expect(await errand.get(id)).toMatchObject({ state: 'scheduled', receipts: [{ error: { code: 'TIMEOUT' } }] })
  })

  it('does not keep a coordinator from stopping', async () => {
    const { errand, answer } = await answering()
    await using _ = errand
    const tried = signal()
    around(errand, () => async () => {
      tried.resolve()
      throw outage()
    })
    answer(success)
    await tried.promise
    await errand.coordinator.stop({ graceMs: 0 })
    expect(errand.coordinator.dispatcher.running).toBe(0)
  })
})

describe('a receipt that was written and whose answer was lost', () => {
  const losingOneAnswer = (errand: TestErrand) => {
    let lost = false
    around(errand, (write) => async (receipts) => {
      const first = await write(receipts)
      if (lost) return first
      lost = true
      throw outage()
    })
  }

  it('moves its job, once it is found in the ledger', async () => {
    const { errand, id, answer } = await answering()
    await using _ = errand
    losingOneAnswer(errand)
    const ended: string[] = []
    errand.coordinator.deps.events.on('finished', (job) => ended.push(job.id))
    answer(success)
    // what waits for the clock may begin to wait at any time
    while ((await errand.get(id)).state === 'running') await errand.clock.advance('100ms')
    await dispatcherIdle(errand)
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', receipts: [{ attempt: 1, result: 42 }] })
    expect(ended).toEqual([id])
  })

  it('moves its job when the function posts it again', async () => {
    const { errand, id, call, answer } = await answering()
    await using _ = errand
    losingOneAnswer(errand)
    answer({ kind: 'accepted' })
    await dispatcherIdle(errand)
    expect((await errand.post(pathOf(call), success.receipt)).status).toBe(503)
    expect(await errand.post(pathOf(call), success.receipt)).toMatchObject({ status: 200, body: { duplicate: true } })
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', receipts: [{ result: 42 }] })
  })

  it('of a run that a shutdown broke off is found by the reaper, and no attempt is charged', async () => {
    const { errand, id } = await answering()
    await using _ = errand
    losingOneAnswer(errand)
    await using other = await testErrand({ work }, { beside: errand })
    await errand.coordinator.stop({ graceMs: 0 })
    await errand.clock.advance('31s')
    await other.reap()
    // it runs as soon as it is found: as its first attempt, because the one that was broken off is not charged
    await other.run()
    expect(await other.get(id)).toMatchObject({ state: 'succeeded', receipts: [{ attempt: 1, status: 'success' }] })
  })

  it('moves the jobs of those that were written with it', async () => {
    const functions = handOperated()
    await using errand = await testErrand({ work }, { invoke: functions.invoke })
    const ids = [await errand.enqueue('work'), await errand.enqueue('work'), await errand.enqueue('work')]
    const calls = [await functions.next(), await functions.next(), await functions.next()]
    losingOneAnswer(errand)
    for (const { answer } of calls) answer(success)
    await dispatcherIdle(errand)
    for (const id of ids) expect(await errand.get(id)).toMatchObject({ state: 'succeeded', receipts: [{ attempt: 1 }] })
  })
})

describe('a receipt that cannot be stored', () => {
  it('is a failed one at once, and says so', async () => {
    const { errand, id, answer } = await answering()
    await using _ = errand
    answer({
      kind: 'receipt',
      receipt: { status: 'failure', error: { name: 'Error', message: 'x'.repeat(17 * 1024 * 1024) } },
    })
    await dispatcherIdle(errand)
    expect(await errand.get(id)).toMatchObject({
      state: 'scheduled',
      receipts: [
        {
          status: 'failure',
          error: { code: 'BAD_RECEIPT', message: expect.stringContaining('cannot hold') as string },
        },
      ],
    })
  })
})
