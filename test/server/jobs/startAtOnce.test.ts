import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import type { Answer, Invoke } from '../../../server/deps.js'

const plain = defineJob({ args: z.object({}), retry: { attempts: 3, backoff: ['1s'] }, run: () => null })
const throttled = defineJob({ args: z.object({}), throttle: { limit: 1, per: '1m' }, run: () => null })
const limited = defineJob({ args: z.object({}), concurrency: { limit: 1 }, run: () => null })

/** Functions that stay silent until the test answers for them. */
function silent() {
  const calls: { id: string; answer: (answer: Answer) => void }[] = []
  const invoke: Invoke = (call) =>
    new Promise((answer) => {
      calls.push({ id: (JSON.parse(call.body) as { id: string }).id, answer })
      call.onAbort(() => answer({ kind: 'aborted' }))
    })
  return { calls, invoke }
}

/** Counts how often candidates for a claim are read. */
function watchClaims({ coordinator }: TestErrand): () => number {
  const { store } = coordinator.deps
  const { jobs } = store
  let count = 0
  const claimable: typeof jobs.claimable = (limit) => {
    count++
    return jobs.claimable(limit)
  }
  store.jobs = { ...jobs, claimable }
  return () => count
}

const post = (errand: TestErrand, worker: string) => errand.post('/job', { worker })
const stateOf = async (errand: TestErrand, id: string) => (await errand.get(id)).state

describe('a job that finds a lane free', () => {
  it('starts with its insert, and no claim is made', async () => {
    const { calls, invoke } = silent()
    await using errand = await testErrand({ plain }, { invoke })
    const claims = watchClaims(errand)
    const { body } = await post(errand, 'plain')
    expect(calls.map(({ id }) => id)).toEqual([body.id])
    expect(await errand.get(body.id as string)).toMatchObject({ state: 'running', attempt: 1 })
    calls[0]!.answer({ kind: 'receipt', receipt: { status: 'success' } })
    await errand.coordinator.dispatcher.idle()
    expect(await stateOf(errand, body.id as string)).toBe('succeeded')
    expect(claims()).toBe(0)
  })

  it('is claimed where a throttle or a slot has to be asked', async () => {
    await using errand = await testErrand({ throttled, limited })
    const claims = watchClaims(errand)
    const first = await errand.enqueue('throttled')
    const second = await errand.enqueue('throttled')
    const third = await errand.enqueue('limited')
    await errand.run()
    const states = await Promise.all([first, second, third].map((id) => stateOf(errand, id)))
    expect(states).toEqual(['succeeded', 'scheduled', 'succeeded'])
    expect(claims()).toBeGreaterThan(0)
  })

  it('waits like any other where all lanes are taken, and does not overtake those who wait', async () => {
    const { calls, invoke } = silent()
    await using errand = await testErrand({ plain }, { invoke, concurrency: 1 })
    const ids: string[] = []
    for (let n = 0; n < 3; n++) ids.push((await post(errand, 'plain')).body.id as string)
    for (const [index, id] of ids.entries()) {
      await errand.claim()
      expect(calls.map((call) => call.id)).toEqual(ids.slice(0, index + 1))
      expect(await stateOf(errand, id)).toBe('running')
      calls[index]!.answer({ kind: 'receipt', receipt: { status: 'success' } })
      while ((await stateOf(errand, id)) !== 'succeeded') await errand.claim()
    }
    await errand.coordinator.dispatcher.idle()
  })

  it('is tried again when its coordinator dies before the receipt', async () => {
    const { invoke } = silent()
    await using dying = await testErrand({ plain }, { invoke })
    const { body } = await post(dying, 'plain')
    await using other = await testErrand({ plain }, { beside: dying })
    await other.clock.advance('30s')
    await other.reap()
    await other.clock.advance('1s')
    await other.run()
    expect(await other.get(body.id as string)).toMatchObject({
      state: 'succeeded',
      receipts: [{ error: { code: 'TIMEOUT' } }, { status: 'success' }],
    })
  })

  it('is given back, uncharged, when a shutdown comes while it is inserted', async () => {
    const { calls, invoke } = silent()
    await using errand = await testErrand({ plain }, { invoke })
    const { store } = errand.coordinator.deps
    const { jobs } = store
    let stopping: Promise<void> | undefined
    const insertMany: typeof jobs.insertMany = (documents) => {
      stopping = errand.coordinator.stop({ graceMs: 0 })
      return jobs.insertMany(documents)
    }
    store.jobs = { ...jobs, insertMany }
    const { body } = await post(errand, 'plain')
    await stopping
    expect(calls).toEqual([])
    expect(await errand.get(body.id as string)).toMatchObject({ state: 'queued', attempt: 0 })
  })

  it('leaves its lane to others when the insert fails', async () => {
    await using errand = await testErrand({ plain }, { concurrency: 1 })
    const { store } = errand.coordinator.deps
    const { jobs } = store
    store.jobs = { ...jobs, insertMany: () => Promise.reject(new Error('no database')) }
    expect((await post(errand, 'plain')).status).toBe(500)
    store.jobs = jobs
    const id = await errand.enqueue('plain')
    await errand.run()
    expect(await stateOf(errand, id)).toBe('succeeded')
  })
})
