import { MongoNetworkError } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { whyJob } from '../../../server/operations/why.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import { handOperated } from '../../support/handOperated.js'

const options = {
  args: z.object({}),
  timeout: '20s',
  retry: { attempts: 2, backoff: ['1s'] },
  run: () => null,
} as const
const quick = defineJob(options)
const slow = defineJob(options)
const workers = { quick, slow }
const operator = { seesArgs: true, seesResults: true }

/** They wait for a claim, so that many are found at once. */
async function enqueueTogether(errand: TestErrand, worker: keyof typeof workers, count: number) {
  const jobs = Array.from({ length: count }, () => ({ worker, args: {}, delay: '1s' }))
  const { body } = await errand.post('/jobs', { jobs })
  await errand.clock.advance('1s')
  await errand.stage()
  return (body.outcomes as { id: string }[]).map(({ id }) => id)
}

/** Quick calls have been seen, so that jobs are claimed ahead. */
async function quickened(concurrency: number) {
  const functions = handOperated()
  const errand = await testErrand(workers, { invoke: functions.invoke, concurrency })
  for (let n = 0; n < 3; n++) {
    await errand.enqueue('quick')
    await errand.claim()
    ;(await functions.next()).answer({ kind: 'receipt', receipt: { status: 'success' } })
    await errand.coordinator.dispatcher.idle()
  }
  return { errand, functions }
}

const countRunning = (errand: TestErrand) =>
  errand.database.db.collection('errand_jobs').countDocuments({ state: 'running' })

describe('a job that is claimed ahead', () => {
  it('is one that can start soon: slow ones behind quick ones are left to others, uncharged', async () => {
    const { errand, functions } = await quickened(4)
    await using _ = errand
    await enqueueTogether(errand, 'slow', 40)
    await errand.claim()
    for (let n = 0; n < 4; n++) await functions.next()
    await errand.claim()
    await errand.quiet() // the others are back
    expect(await countRunning(errand)).toBe(4)
    const waiting = await errand.database.db.collection('errand_jobs').find({ state: 'queued' }).toArray()
    expect(waiting.map(({ attempt }) => attempt as number)).toEqual(Array.from({ length: 36 }, () => 0))
  })

  it('has its whole time from its call on, however long it waited for its lane', async () => {
    const { errand, functions } = await quickened(1)
    await using _ = errand
    await enqueueTogether(errand, 'quick', 2)
    await errand.claim()
    const first = await functions.next()
    await errand.clock.advance('900ms')
    first.answer({ kind: 'receipt', receipt: { status: 'success' } })
    const { call } = await functions.next()
    expect(Date.parse(call.deadline) - errand.clock.now().getTime()).toBe(20_000)
    const job = await errand.database.db
      .collection<{ _id: string; deadline: Date }>('errand_jobs')
      .findOne({ _id: call.id })
    expect(job!.deadline.getTime()).toBeGreaterThanOrEqual(Date.parse(call.deadline))
  })

  it('goes back after a second without a lane, and is said to wait for one until then', async () => {
    const { errand, functions } = await quickened(1)
    await using _ = errand
    const ids = await enqueueTogether(errand, 'quick', 2)
    await errand.claim()
    const { call } = await functions.next()
    const waiting = ids.find((id) => id !== call.id)!
    const why = async () => (await whyJob(errand.coordinator.deps, waiting, operator)).reasons
    expect(await why()).toMatchObject([
      { kind: 'claimed', lanes: { taken: 1, limit: 1 }, message: expect.stringContaining('not called yet') },
    ])
    const { jobs } = errand.coordinator.deps.store
    const apply = jobs.apply.bind(jobs)
    const applied = new Promise<void>((resolve) => {
      jobs.apply = async (...moves) => {
        await apply(...moves)
        resolve()
      }
    })
    await errand.clock.advance('1s')
    await applied
    expect(await errand.get(waiting)).toMatchObject({ state: 'queued', attempt: 0, receipts: [] })
    expect(await why()).toMatchObject([{ kind: 'busy' }])
  })
})

describe('a call that comes late', () => {
  it('moves the stored deadline before it is made, where the claim itself took long', async () => {
    const functions = handOperated()
    await using errand = await testErrand(workers, { invoke: functions.invoke })
    const { jobs } = errand.coordinator.deps.store
    const { claim } = jobs
    // as long as a database that is far away and busy
    jobs.claim = async (...args) => {
      const count = await claim(...args)
      await errand.clock.advance('8s')
      return count
    }
    const [id] = await enqueueTogether(errand, 'slow', 1)
    await errand.claim()
    const { call } = await functions.next()
    expect(Date.parse(call.deadline) - errand.clock.now().getTime()).toBe(20_000)
    await errand.clock.advance('19s')
    expect(await errand.reap()).toEqual([])
    expect(await errand.get(id!)).toMatchObject({ state: 'running' })
  })

  it('is not made where the database does not say that the deadline was moved, and the job goes back uncharged', async () => {
    const functions = handOperated()
    await using errand = await testErrand(workers, { invoke: functions.invoke })
    const { jobs } = errand.coordinator.deps.store
    const { claim } = jobs
    const moveDeadline = jobs.moveDeadline.bind(jobs)
    jobs.claim = async (...args) => {
      const count = await claim(...args)
      jobs.claim = claim
      await errand.clock.advance('8s')
      return count
    }
    jobs.moveDeadline = async (...args) => {
      jobs.moveDeadline = moveDeadline
      await moveDeadline(...args)
      throw new MongoNetworkError('connection 7 closed')
    }
    const [id] = await enqueueTogether(errand, 'slow', 1)
    await errand.claim()
    await errand.coordinator.dispatcher.idle()
    await errand.claim()
    const { call } = await functions.next()
    expect(call).toMatchObject({ id, attempt: 1 })
    expect((await errand.get(id!)).receipts).toEqual([])
  })

  it('is not made past the deadline, and the job goes back uncharged', async () => {
    const functions = handOperated()
    await using errand = await testErrand(workers, { invoke: functions.invoke })
    const { jobs } = errand.coordinator.deps.store
    const { claim } = jobs
    jobs.claim = async (...args) => {
      const count = await claim(...args)
      jobs.claim = claim
      await errand.clock.advance('25s')
      return count
    }
    const [id] = await enqueueTogether(errand, 'slow', 1)
    await errand.claim()
    await errand.coordinator.dispatcher.idle()
    await errand.claim()
    const { call } = await functions.next()
    expect(call).toMatchObject({ id, attempt: 1 })
    expect((await errand.get(id!)).receipts).toEqual([])
  })
})
