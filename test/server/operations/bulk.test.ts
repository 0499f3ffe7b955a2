import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { cancelJob, retryJob } from '../../../server/operations/jobActions.js'
import { insteadOnce } from '../../support/between.js'
import { handOperated } from '../../support/handOperated.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import type { Invoke } from '../../../server/deps.js'

const work = defineJob({
  args: z.object({ shop: z.string().default('a'), n: z.number().default(0) }),
  retry: { attempts: 1 },
  run: () => null,
})
const other = defineJob({ args: z.object({}), retry: { attempts: 1 }, run: () => null })
const limited = defineJob({
  args: z.object({ shop: z.string() }),
  retry: { attempts: 1 },
  concurrency: { limit: 9, key: ({ shop }) => shop },
  run: () => null,
})

/** Functions that fail until they are told to succeed. */
function flaky(code = 'BAD_RECEIPT') {
  const told: { code: string | undefined; calls: number } = { code, calls: 0 }
  const invoke: Invoke = async () => {
    told.calls++
    return told.code === undefined
      ? { kind: 'receipt', receipt: { status: 'success' } }
      : { kind: 'failed', code: told.code, message: 'no' }
  }
  return Object.assign(told, { invoke })
}
const post = async (errand: TestErrand, operation: string, body: object) => {
  const { status, body: answer } = await errand.post(`/jobs/${operation}`, body)
  if (status !== 200) throw new Error(JSON.stringify(answer))
  return answer
}
const count = (errand: TestErrand, operation: string, filter: object = {}) =>
  post(errand, operation, { filter, dryRun: true })
const states = async (errand: TestErrand) => {
  const jobs = await errand.database.db.collection('errand_jobs').find().sort({ _id: 1 }).toArray()
  return jobs.map(({ state }) => state as string)
}
/** Some jobs that have failed, a second ago. */
async function failed(workers: string[], functions = flaky()) {
  const errand = await testErrand({ work, other, limited }, { invoke: functions.invoke })
  const ids: string[] = []
  for (const worker of workers) ids.push(await errand.enqueue(worker, worker === 'limited' ? { shop: 'a' } : {}))
  await errand.run()
  await errand.clock.advance('1s')
  return { errand, ids, functions }
}

describe('retry by filter', () => {
  it('counts first, and retries what was counted', async () => {
    const { errand, functions } = await failed(['work', 'work', 'other'])
    await using _ = errand
    const { count: matching, token } = await count(errand, 'retry', { worker: 'work' })
    expect(matching).toBe(2)
    expect(await states(errand)).toEqual(['failed', 'failed', 'failed'])
    functions.code = undefined
    expect(await post(errand, 'retry', { filter: { worker: 'work' }, token })).toEqual({
      matched: 2,
      done: 2,
      skipped: [],
      cursor: null,
    })
    await errand.run()
    expect(await states(errand)).toEqual(['succeeded', 'succeeded', 'failed'])
  })

  it('goes page by page, and a page that is asked for again does nothing twice', async () => {
    const { errand, functions } = await failed(['work', 'work', 'work'])
    await using _ = errand
    const { token } = await count(errand, 'retry')
    const before = functions.calls
    const first = await post(errand, 'retry', { token, limit: 2 })
    expect(first).toMatchObject({ matched: 2, done: 2, cursor: expect.any(String) })
    await errand.run()
    await errand.clock.advance('1s')
    expect(functions.calls).toBe(before + 2) // they failed again, after the count
    expect(await post(errand, 'retry', { token, limit: 2 })).toMatchObject({ matched: 1, done: 1 })
    expect(await post(errand, 'retry', { token, limit: 2, cursor: first.cursor })).toMatchObject({ matched: 0 })
    await errand.run()
    expect(functions.calls).toBe(before + 3)
  })

  it('takes failed jobs unless it is told otherwise, and never those that are not final', async () => {
    const { errand } = await failed(['work'])
    await using _ = errand
    const id = await errand.enqueue('work', {}, { delay: '1h' })
    const { token } = await count(errand, 'cancel')
    await post(errand, 'cancel', { token })
    expect((await errand.get(id)).state).toBe('cancelled')
    await errand.clock.advance('1s')
    expect(await count(errand, 'retry')).toMatchObject({ count: 1 })
    expect(await count(errand, 'retry', { state: ['failed', 'cancelled'] })).toMatchObject({ count: 2 })
    expect(await count(errand, 'retry', { state: 'succeeded' })).toMatchObject({ count: 0 })
    await expect(count(errand, 'retry', { state: 'queued' })).rejects.toThrow('BAD_REQUEST')
    await expect(count(errand, 'cancel', { state: 'failed' })).rejects.toThrow('BAD_REQUEST')
  })

  it('finds by time, error and key', async () => {
    const functions = flaky('HTTP_503')
    const { errand } = await failed(['work'], functions)
    await using _ = errand
    functions.code = 'UNREACHABLE'
    await errand.enqueue('limited', { shop: 'a' })
    await errand.enqueue('limited', { shop: 'b' })
    await errand.run()
    await errand.clock.advance('1s')
    const found = async (filter: object) => (await count(errand, 'retry', filter)).count as number
    expect(await found({ errorCode: 'HTTP_503' })).toBe(1)
    expect(await found({ errorCode: 'UNREACHABLE' })).toBe(2)
    expect(await found({ worker: 'limited', key: 'a' })).toBe(1)
    expect(await found({ createdAfter: '2030-01-01T00:00:00.500Z' })).toBe(2)
    expect(await found({ createdBefore: '2030-01-01T01:00:00.500+01:00' })).toBe(1)
    await expect(count(errand, 'retry', { key: 'a' })).rejects.toThrow('BAD_REQUEST')
    await expect(count(errand, 'retry', { createdAfter: 'yesterday' })).rejects.toThrow('ISO 8601')
    await expect(count(errand, 'retry', { color: 'red' })).rejects.toThrow('color')
  })

  it('names those that it could not retry, and why', async () => {
    const keyed = async (errand: TestErrand) => {
      const { body } = await errand.post('/job', { worker: 'work', args: {}, key: 'k' })
      await errand.run()
      return body.id as string
    }
    const functions = flaky()
    await using errand = await testErrand({ work }, { invoke: functions.invoke })
    const [older, newer] = [await keyed(errand), await keyed(errand)]
    await errand.clock.advance('1s')
    const { token } = await count(errand, 'retry')
    // of two with one key the first that is retried takes it
    const { matched, done, skipped } = await post(errand, 'retry', { token })
    expect([matched, done]).toEqual([2, 1])
    expect(skipped).toEqual([{ id: expect.any(String), code: 'KEY_TAKEN', message: expect.any(String) }])
    expect([older, newer]).toContain(skipped[0].id)
  })

  it('wants the token of the same filter and operation, and a fresh one', async () => {
    const { errand } = await failed(['work'])
    await using _ = errand
    const { token } = await count(errand, 'retry', { worker: 'work' })
    await expect(post(errand, 'retry', { filter: { worker: 'work' } })).rejects.toThrow('dryRun')
    await expect(post(errand, 'retry', { filter: { worker: 'work' }, token, dryRun: true })).rejects.toThrow('dryRun')
    await expect(post(errand, 'retry', { filter: { worker: 'other' }, token })).rejects.toThrow(
      'not one of this filter',
    )
    await expect(post(errand, 'replay', { filter: { worker: 'work' }, token })).rejects.toThrow(
      'not one of this filter',
    )
    await expect(post(errand, 'retry', { filter: { worker: 'work' }, token: 'x' })).rejects.toThrow('not one of')
    await errand.clock.advance('2h')
    await expect(post(errand, 'retry', { filter: { worker: 'work' }, token })).rejects.toThrow('older than an hour')
    expect(await states(errand)).toEqual(['failed'])
  })
})

describe('cancel by filter', () => {
  it('cancels what was there at the count, running or not, and nothing younger', async () => {
    await using errand = await testErrand({ work, other }, { invoke: handOperated().invoke })
    const ids = [await errand.enqueue('work'), await errand.enqueue('work', {}, { delay: '1h' })]
    await errand.claim()
    const { count: matching, token } = await count(errand, 'cancel', { worker: 'work' })
    expect(matching).toBe(2)
    await errand.clock.advance('1s')
    await errand.enqueue('work', {}, { delay: '1h' })
    await errand.enqueue('other', {}, { delay: '1h' })
    expect(await post(errand, 'cancel', { filter: { worker: 'work' }, token })).toMatchObject({ done: 2 })
    expect(await states(errand)).toEqual(['cancelled', 'cancelled', 'scheduled', 'scheduled'])
    expect((await errand.get(ids[0]!)).attempt).toBe(1)
  })
})

describe('replay by filter', () => {
  it('makes each new job once, however often a page is asked for, on whichever coordinator', async () => {
    const { errand, ids, functions } = await failed(['work', 'work'])
    await using _ = errand
    await using beside = await testErrand({ work, other, limited }, { beside: errand, invoke: functions.invoke })
    functions.code = undefined
    const { token } = await count(errand, 'replay', { worker: 'work' })
    const page = { filter: { worker: 'work' }, token }
    const answers = await Promise.all([errand, beside, errand].map((each) => post(each, 'replay', page)))
    expect(answers.map(({ done }) => done)).toEqual([2, 2, 2])
    await errand.run()
    await beside.run()
    expect(await post(errand, 'replay', page)).toMatchObject({ done: 2 })
    expect(await states(errand)).toEqual(['failed', 'failed', 'succeeded', 'succeeded'])
    const replays = await errand.database.db
      .collection('errand_jobs')
      .find({ replayOf: { $exists: true } })
      .toArray()
    expect(replays.map(({ replayOf }) => replayOf as string).toSorted()).toEqual(ids.toSorted())
  })

  it('skips jobs whose worker is gone, or whose args no longer fit', async () => {
    const { errand } = await failed(['work', 'other'])
    await using _ = errand
    const strict = defineJob({ args: z.object({ shop: z.literal('b') }), run: () => null })
    await using later = await testErrand({ work: strict }, { beside: errand })
    const { token } = await count(later, 'replay')
    const { done, skipped } = await post(later, 'replay', { token })
    expect(done).toBe(0)
    expect(skipped.map(({ code }: { code: string }) => code).toSorted()).toEqual(['INVALID_ARGS', 'UNKNOWN_WORKER'])
  })
})

describe('a job that has changed since its page was read', () => {
  it('is not cancelled where the filter takes it no more', async () => {
    const functions = handOperated()
    await using errand = await testErrand({ work }, { invoke: functions.invoke })
    const { deps } = errand.coordinator
    const { body } = await errand.post('/job', { worker: 'work', args: {}, delay: '1s' })
    await errand.clock.advance('1s')
    await deps.store.jobs.stage(deps.clock.now(), 1)
    const { token } = await count(errand, 'cancel', { state: 'queued' })
    insteadOnce(deps.store.jobs, 'matching', (matching) => async (...given) => {
      const page = await matching(...given)
      await errand.claim()
      return page
    })
    expect(await post(errand, 'cancel', { filter: { state: 'queued' }, token })).toMatchObject({
      matched: 1,
      done: 0,
      skipped: [{ id: body.id, code: 'WRONG_STATE', message: expect.stringContaining('is running') }],
    })
    expect((await errand.get(body.id)).state).toBe('running')
    ;(await functions.next()).answer({ kind: 'receipt', receipt: { status: 'success' } })
  })

  it('is not retried once it was retried and cancelled by hand', async () => {
    const { errand, ids } = await failed(['work'])
    await using _ = errand
    const { deps } = errand.coordinator
    const [id] = ids as [string]
    const { token } = await count(errand, 'retry')
    insteadOnce(deps.store.jobs, 'matching', (matching) => async (...given) => {
      const page = await matching(...given)
      await errand.post('/pauses', { worker: 'work' })
      await retryJob(deps, id)
      await cancelJob(deps, id)
      return page
    })
    expect(await post(errand, 'retry', { token })).toMatchObject({
      matched: 1,
      done: 0,
      skipped: [{ id, code: 'WRONG_STATE' }],
    })
    expect((await errand.get(id)).state).toBe('cancelled')
  })
})
