/** A write whose answer is lost may have happened: nothing is concluded before the database has said what is there. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { connectionLost, loseAnswers, type Losing } from '../../support/lostAnswers.js'
import { testErrand, type TestErrand } from '../../support/errand.js'

const plain = defineJob({ args: z.object({}), timeout: '20s', retry: { attempts: 1 }, run: () => null })
const throttled = defineJob({ args: z.object({}), throttle: { limit: 100, per: '1m' }, run: () => null })

const onlyJob = async (errand: TestErrand) => {
  const [job] = (await errand.coordinator.deps.store.jobs.list({ limit: 2 })).items
  return errand.get(job!._id)
}
const turn = () => new Promise((resolve) => setImmediate(resolve))
/** Lets time pass, once the database was asked first, until it has happened; none passes while the database answers. */
async function passing(errand: TestErrand, looks: Losing, happened: () => boolean): Promise<void> {
  while (looks.asked === 0) await turn()
  for (;;) {
    await errand.quiet()
    if (happened()) return
    await errand.clock.advance('500ms')
  }
}
const queued = async (errand: TestErrand) => {
  const { dispatcher, deps } = errand.coordinator
  return new Promise<void>((resolve) => {
    const stop = deps.events.on('queued', () => {
      stop()
      void dispatcher.idle().then(resolve)
    })
  })
}

describe('an insert whose answer is lost', () => {
  it('has started its job: the caller hears that it is there, and its function is called', async () => {
    await using errand = await testErrand({ plain })
    loseAnswers(errand, 'jobs', 'insertMany')
    const { status, body } = await errand.post('/job', { worker: 'plain', args: {} })
    expect(status).toBe(201)
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(body.id)).toMatchObject({ state: 'succeeded', attempt: 1 })
  })

  it('has not happened: the caller hears that the database is away, and nothing stands there', async () => {
    await using errand = await testErrand({ plain })
    loseAnswers(errand, 'jobs', 'insertMany', { happens: false })
    expect(await errand.post('/job', { worker: 'plain', args: {} })).toMatchObject({
      status: 503,
      body: { error: { code: 'UNAVAILABLE' } },
    })
    await errand.quiet()
    expect((await errand.coordinator.deps.store.jobs.list({ limit: 1 })).items).toEqual([])
    expect(errand.coordinator.dispatcher.isIdle).toBe(true)
  })

  it('has started its job, and the database stays away: the job is given back uncharged when it answers', async () => {
    await using errand = await testErrand({ plain })
    loseAnswers(errand, 'jobs', 'insertMany')
    const looks = loseAnswers(errand, 'jobs', 'claimsOf', { times: Number.POSITIVE_INFINITY, happens: false })
    const answer = errand.post('/job', { worker: 'plain', args: {} })
    let status: number | undefined
    void answer.then((heard) => (status = heard.status))
    await passing(errand, looks, () => status !== undefined)
    expect(status).toBe(503)
    const given = queued(errand)
    const before = looks.asked
    looks.end()
    await passing(errand, looks, () => looks.asked > before)
    await given
    expect(await onlyJob(errand)).toMatchObject({ state: 'succeeded', attempt: 1, receipts: [{ status: 'success' }] })
  })

  it('happens after the database has said that nothing is there: the job is given back uncharged', async () => {
    await using errand = await testErrand({ plain })
    const { store } = errand.coordinator.deps
    const { jobs } = store
    let late = async () => {}
    const insertMany: typeof jobs.insertMany = (documents) => {
      store.jobs = jobs
      late = async () => void (await jobs.insertMany(documents))
      return Promise.reject(connectionLost())
    }
    store.jobs = { ...jobs, insertMany }
    expect((await errand.post('/job', { worker: 'plain', args: {} })).status).toBe(503)
    await late()
    expect(await onlyJob(errand)).toMatchObject({ state: 'running' })
    const given = queued(errand)
    await errand.quiet()
    await errand.clock.advance('5s')
    await given
    expect(await onlyJob(errand)).toMatchObject({ state: 'succeeded', attempt: 1 })
  })
})

describe('a claim whose answer is lost', () => {
  const waiting = async () => {
    const errand = await testErrand({ plain, throttled })
    return { errand, id: (await errand.post('/job', { worker: 'plain', args: {}, delay: '1s' })).body.id as string }
  }

  it('is read back until the database answers, and what it got begins', async () => {
    const { errand, id } = await waiting()
    await using _ = errand
    await errand.clock.advance('1s')
    loseAnswers(errand, 'jobs', 'claim')
    const looks = loseAnswers(errand, 'jobs', 'claimedBy', { times: 2, happens: false })
    // a claim follows by itself
    await errand.stage()
    const claimed = errand.claim()
    await passing(errand, looks, () => looks.asked === 3)
    await claimed
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', attempt: 1 })
  })

  it('is given back uncharged where most of its time went by before the database answered', async () => {
    const { errand, id } = await waiting()
    await using _ = errand
    await errand.clock.advance('1s')
    loseAnswers(errand, 'jobs', 'claim')
    const looks = loseAnswers(errand, 'jobs', 'claimedBy', { times: 6, happens: false })
    // a claim follows by itself
    await errand.stage()
    const claimed = errand.claim()
    await passing(errand, looks, () => looks.asked === 7)
    await claimed
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', attempt: 1, receipts: [{ status: 'success' }] })
  })

  it('is given back when what comes after it fails', async () => {
    await using errand = await testErrand({ throttled })
    const id = (await errand.post('/job', { worker: 'throttled', args: {} })).body.id as string
    loseAnswers(errand, 'throttles', 'findMany')
    await errand.claim().catch(() => {})
    expect(await errand.get(id)).toMatchObject({ state: 'queued', attempt: 0 })
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', attempt: 1 })
  })
})

describe('a move whose answer is lost', () => {
  it('is made again until the database answers', async () => {
    await using errand = await testErrand({ plain })
    const moves = loseAnswers(errand, 'jobs', 'apply', { times: 3, happens: false })
    const { body } = await errand.post('/job', { worker: 'plain', args: {} })
    await passing(errand, moves, () => moves.asked === 4)
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(body.id)).toMatchObject({ state: 'succeeded' })
  })
})
