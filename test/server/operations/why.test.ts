import type { WhyView } from '../../../core/views/answers.gen.js'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob, Snooze } from '../../../core/index.js'
import { clientOf } from '../../client/support.js'
import { handOperated } from '../../support/handOperated.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import type { Invoke } from '../../../server/deps.js'

const shop = z.object({ shop: z.string().default('a') })
const work = defineJob({ args: shop, retry: { attempts: 3, backoff: ['10s'] }, timeout: '30s', run: () => null })
const limited = defineJob({ args: shop, concurrency: { limit: 1, key: ({ shop }) => shop }, run: () => null })
const throttled = defineJob({
  args: shop,
  throttle: { limit: 2, per: '1s', burst: 1, key: ({ shop }) => shop },
  run: () => null,
})

const whyOf = async (errand: TestErrand, id: string): Promise<WhyView> => {
  const response = await errand.coordinator.fetch(new Request(`http://coordinator.test/job/${id}/why`))
  return (await response.json()) as WhyView
}
/** The kinds, and the first sentence. */
const told = async (errand: TestErrand, id: string) => {
  const { reasons } = await whyOf(errand, id)
  return [reasons.map(({ kind }) => kind), reasons[0]?.message]
}
const fails =
  (code: string): Invoke =>
  async () => ({ kind: 'failed', code, message: 'no' })
const start = '2030-01-01T00:00:00.000Z'

describe('why', () => {
  it('of a job that is final says how it ended', async () => {
    await using errand = await testErrand({ work })
    const id = await errand.enqueue('work')
    await errand.run()
    expect(await whyOf(errand, id)).toEqual({
      id,
      worker: 'work',
      state: 'succeeded',
      running: false,
      reasons: [
        {
          kind: 'final',
          state: 'succeeded',
          finishedAt: start,
          attempt: 1,
          maxAttempts: 3,
          message: `It has succeeded, at ${start}.`,
        },
      ],
    })
    const waiting = await errand.enqueue('work', {}, { delay: '1h' })
    await errand.coordinator.fetch(new Request(`http://coordinator.test/job/${waiting}`, { method: 'DELETE' }))
    expect(await told(errand, waiting)).toEqual([['final'], `It was cancelled, at ${start}.`])
  })

  it('of a job that failed names the error', async () => {
    const once = defineJob({ args: shop, retry: { attempts: 1 }, run: () => null })
    await using errand = await testErrand({ once }, { invoke: fails('HTTP_503') })
    const id = await errand.enqueue('once')
    await errand.run()
    expect(await told(errand, id)).toEqual([['final'], `It has failed, at ${start}, at attempt 1 of 1 with HTTP_503.`])
  })

  it('of a job that runs says since when, and until when it may', async () => {
    await using errand = await testErrand({ work }, { invoke: handOperated().invoke })
    const id = await errand.enqueue('work')
    expect(await whyOf(errand, id)).toMatchObject({ running: true, reasons: [{ kind: 'running', startedAt: start }] })
    expect(await told(errand, id)).toEqual([
      ['running'],
      `It runs: attempt 1 of 3 began at ${start} and has until 2030-01-01T00:00:30.000Z.`,
    ])
  })

  it('of a scheduled job says when it is due, and of one that is, that a coordinator is waited for', async () => {
    await using errand = await testErrand({ work })
    const id = await errand.enqueue('work', {}, { delay: '10s' })
    expect(await told(errand, id)).toEqual([['not-due'], 'It is not due until 2030-01-01T00:00:10.000Z.'])
    await errand.clock.advance('10s')
    expect((await whyOf(errand, id)).reasons).toMatchObject([{ kind: 'waiting-for-coordinator', step: 'stage' }])
  })

  it('of a job that will be tried again says when, and what went wrong', async () => {
    await using errand = await testErrand({ work }, { invoke: fails('UNREACHABLE') })
    const id = await errand.enqueue('work')
    await errand.run()
    expect(await told(errand, id)).toEqual([
      ['retry'],
      'It waits for its next attempt until 2030-01-01T00:00:10.000Z: attempt 1 of 3 failed with UNREACHABLE.',
    ])
  })

  it('of a job that snoozes says so, and not that it failed', async () => {
    let runs = 0
    const sleepy = defineJob({
      args: shop,
      retry: { attempts: 3, backoff: ['1s'] },
      run: () => {
        if (++runs === 1) throw new Error('no')
        throw new Snooze('5s')
      },
    })
    await using errand = await testErrand({ sleepy })
    const id = await errand.enqueue('sleepy')
    await errand.run()
    expect((await told(errand, id))[0]).toEqual(['retry'])
    await errand.clock.advance('1s')
    await errand.run()
    expect(await told(errand, id)).toEqual([
      ['snoozed'],
      'It snoozes until 2030-01-01T00:00:06.000Z, for the 1st time.',
    ])
  })

  it('of a throttled job says its key, its rule, its place in line and about when', async () => {
    await using errand = await testErrand({ throttled, work })
    const ids: string[] = []
    for (const shop of ['a', 'a', 'b', 'b', 'a', 'a']) ids.push(await errand.enqueue('throttled', { shop }))
    await errand.enqueue('work', {}, { delay: '100ms' })
    await errand.run()
    expect((await whyOf(errand, ids[5]!)).reasons).toEqual([
      {
        kind: 'throttled',
        worker: 'throttled',
        key: 'a',
        until: '2030-01-01T00:00:01.500Z',
        before: 2,
        rule: { intervalMs: 500, burst: 1 },
        message:
          'The key "a" of throttled is throttled to 2 starts a second; 2 jobs are before this one. It starts at about 2030-01-01T00:00:01.500Z.',
      },
    ])
    expect((await whyOf(errand, ids[3]!)).reasons).toMatchObject([{ key: 'b', before: 0 }])
  })

  it('of a blocked job says who holds the slots, and its place', async () => {
    await using errand = await testErrand({ limited }, { invoke: handOperated().invoke })
    const ids: string[] = []
    for (const shop of ['a', 'a', 'a', 'b']) ids.push(await errand.enqueue('limited', { shop }))
    await errand.claim()
    expect((await whyOf(errand, ids[2]!)).reasons).toEqual([
      {
        kind: 'blocked',
        worker: 'limited',
        key: 'a',
        limit: 1,
        holding: 1,
        users: [{ id: ids[0], since: start, until: '2030-01-01T00:00:35.000Z' }],
        before: 1,
        message: `The key "a" of limited allows one job at once, and has no free slot: ${ids[0]} (since ${start}) holds it. 1 job is before this one.`,
      },
    ])
  })

  it('of a paused job says who paused what, when and why, before what else keeps it', async () => {
    await using errand = await testErrand({ work })
    const id = await errand.enqueue('work', {}, { delay: '1h' })
    await errand.post('/pauses', { worker: 'work', reason: 'the shop is down' })
    expect(await told(errand, id)).toEqual([
      ['paused', 'not-due'],
      `The worker work is paused, by local since ${start} (the shop is down).`,
    ])
    await errand.post('/pauses', { all: true })
    expect((await told(errand, id))[1]).toBe(`Everything is paused, by local since ${start}.`)
  })

  it('of a queued and paused job says that alone, and after the end of its pause that a coordinator is waited for', async () => {
    await using errand = await testErrand({ work })
    await errand.post('/pauses', { worker: 'work' })
    const id = await errand.enqueue('work')
    await errand.run()
    expect((await told(errand, id))[0]).toEqual(['paused'])
    await errand.coordinator.deps.store.pauses.remove('worker:work')
    expect((await whyOf(errand, id)).reasons).toMatchObject([{ kind: 'waiting-for-coordinator', step: 'release' }])
  })

  it('of a job whose worker is not deployed names the nearest', async () => {
    await using errand = await testErrand({ wurk: work })
    const id = await errand.enqueue('wurk', {}, { delay: '1h' })
    await using without = await testErrand({ work }, { beside: errand })
    expect(await told(without, id)).toEqual([
      ['not-deployed', 'not-due'],
      'No deployed worker is named "wurk". Did you mean "work"? The job runs once there is one.',
    ])
  })

  it('of a job that may start counts those before it, and tells that all lanes are taken', async () => {
    await using errand = await testErrand({ work }, { invoke: handOperated().invoke, concurrency: 1 })
    const ids: string[] = []
    for (const priority of [0, 0, 5, -5]) ids.push(await errand.enqueue('work', {}, { priority }))
    expect(await whyOf(errand, ids[3]!)).toMatchObject({
      state: 'queued',
      reasons: [
        {
          kind: 'busy',
          before: 2,
          lanes: { taken: 1, limit: 1 },
          message: 'It may start now, and 2 jobs are before it. The one lane of this coordinator is taken.',
        },
      ],
    })
    expect((await whyOf(errand, ids[2]!)).reasons).toMatchObject([{ before: 0 }])
    expect((await whyOf(errand, ids[1]!)).reasons).toMatchObject([{ before: 1 }])
  })

  it('says that the function answers errors, when nothing else came of late', async () => {
    let code: string | undefined = 'HTTP_500'
    await using errand = await testErrand(
      { work },
      {
        invoke: async () =>
          code === undefined
            ? { kind: 'receipt', receipt: { status: 'success' } }
            : { kind: 'failed', code, message: 'no' },
      },
    )
    for (let n = 0; n < 3; n++) await errand.enqueue('work')
    await errand.run()
    const id = await errand.enqueue('work', {}, { delay: '1h' })
    const { reasons } = await whyOf(errand, id)
    expect(reasons).toMatchObject([
      { kind: 'not-due' },
      {
        kind: 'failing',
        worker: 'work',
        receipts: 3,
        error: { code: 'HTTP_500' },
        message: `The last 3 receipts of work are failures, the latest at ${start} with HTTP_500.`,
      },
    ])
    code = undefined
    await errand.clock.advance('10s')
    await errand.run()
    expect((await told(errand, id))[0]).toEqual(['not-due'])
  })

  it('of an unknown job is a 404, over HTTP and in the client', async () => {
    await using errand = await testErrand({ work })
    expect(await whyOf(errand, 'nobody')).toMatchObject({ error: { code: 'UNKNOWN_JOB' } })
    await expect(clientOf(errand).client.jobs.why('nobody')).rejects.toMatchObject({ code: 'UNKNOWN_JOB' })
  })

  it('has Dates for times in the client', async () => {
    await using errand = await testErrand({ limited }, { invoke: handOperated().invoke })
    const { client } = clientOf(errand)
    const [user, id] = [await errand.enqueue('limited'), await errand.enqueue('limited')]
    await errand.claim()
    const { reasons, running } = await client.jobs.why(id)
    expect(running).toBe(false)
    const [reason] = reasons
    const until = new Date('2030-01-01T00:00:35Z')
    expect(reason?.kind === 'blocked' && reason.users).toEqual([{ id: user, since: new Date(start), until }])
    expect(await client.jobs.why(user)).toMatchObject({ running: true, reasons: [{ startedAt: new Date(start) }] })
  })
})
