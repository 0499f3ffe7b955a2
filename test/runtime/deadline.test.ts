import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob, type JobContext } from '../../core/job/defineJob.js'
import { gate, start, testCoordinator, testFunction, type Receipt } from './support.js'

const minute = 60_000
const at = (ms: number) => new Date(start.getTime() + ms)
const taken = (deadline: Date) => () => Response.json({ deadline: deadline.toISOString() })
const status = (code: number) => () => new Response('{}', { status: code })

/** A worker that tells when it has begun, and then does what the test says. */
function startedJob(run: (context: JobContext) => unknown) {
  const began = gate<JobContext>()
  const job = defineJob({
    args: z.object({}),
    run: (_, context) => {
      began.open(context)
      return run(context)
    },
  })
  return { job, began: began.opened }
}

const forever = () => new Promise<never>(() => {})

describe('the deadline', () => {
  it('answers TIMEOUT when it passes, without waiting for a run that does not obey its signal', async () => {
    const { job, began } = startedJob(forever)
    const fn = testFunction(job)
    const receipt = fn.receipt()
    const { signal } = await began
    fn.clock.advance(29_999)
    expect(signal.aborted).toBe(false)
    fn.clock.advance(1)
    expect(await receipt).toEqual({
      status: 'failure',
      error: {
        name: 'TimeoutError',
        code: 'TIMEOUT',
        message:
          'mail.send was not done at its deadline, 2026-03-01T12:00:30.000Z. Raise its timeout, or let it call heartbeat() while it works.',
      },
    })
    expect(signal.reason).toMatchObject({ code: 'TIMEOUT' })
  })

  it('answers TIMEOUT also when run fails because of it', async () => {
    const { job, began } = startedJob(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new DOMException('x', 'AbortError')))),
    )
    const fn = testFunction(job)
    const receipt = fn.receipt()
    await began
    fn.clock.advance(30_000)
    expect(await receipt).toMatchObject({ error: { code: 'TIMEOUT' } })
  })

  it('stops a run before it begins when the call comes too late', async () => {
    let ran = false
    const { job } = startedJob(() => (ran = true))
    const receipt = await testFunction(job).receipt({ deadline: at(-1).toISOString() })
    expect(receipt).toMatchObject({ status: 'failure', error: { code: 'TIMEOUT' } })
    expect(ran).toBe(false)
  })

  it('leaves no timer behind once the receipt is written', async () => {
    const fn = testFunction(startedJob(() => 'done').job)
    await fn.receipt()
    expect(fn.clock.sleepers()).toBe(0)
  })

  it('may be further away than a timer counts', async () => {
    const { job, began } = startedJob(forever)
    const fn = testFunction(job)
    const receipt = fn.receipt({ deadline: at(100 * 24 * 60 * minute).toISOString() })
    const { signal } = await began
    // a sleep may end early, so the function has to look at the time again
    fn.clock.advance(99 * 24 * 60 * minute)
    expect(signal.aborted).toBe(false)
    fn.clock.advance(24 * 60 * minute)
    expect(await receipt).toMatchObject({ error: { code: 'TIMEOUT' } })
  })
})

describe('a caller that hangs up', () => {
  it('aborts the signal of run', async () => {
    const { job, began } = startedJob(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    )
    const caller = new AbortController()
    const response = testFunction(job).call({}, { signal: caller.signal })
    const { signal } = await began
    caller.abort()
    expect(signal.reason).toMatchObject({ code: 'ATTEMPT_OVER' })
    expect(await (await response).json()).toMatchObject({ status: 'failure', error: { code: 'ATTEMPT_OVER' } })
  })

  it('does not abort a run that has handed in its receipt', async () => {
    const { job, began } = startedJob(() => 'done')
    const caller = new AbortController()
    await testFunction(job).call({}, { signal: caller.signal })
    caller.abort()
    expect((await began).signal.aborted).toBe(false)
  })
})

describe('a heartbeat', () => {
  it('moves the deadline', async () => {
    const { job, began } = startedJob(forever)
    const coordinator = testCoordinator([taken(at(50_000))])
    const fn = testFunction(job, { fetch: coordinator.fetch })
    const receipt = fn.receipt()
    const context = await began
    fn.clock.advance(20_000)
    await context.heartbeat()
    expect(coordinator.posts).toEqual([{ url: 'http://coordinator.test/job/job1/heartbeat?token=t0', body: '{}' }])
    expect(context.deadline).toEqual(at(50_000))
    fn.clock.advance(29_999)
    await Promise.resolve()
    expect(context.signal.aborted).toBe(false)
    await fn.clock.untilSleeping((ms) => ms === 1)
    fn.clock.advance(1)
    expect(await receipt).toMatchObject({ error: { code: 'TIMEOUT', message: expect.stringContaining('12:00:50') } })
  })

  it.each([401, 404, 409])('that is refused with %i aborts the run and throws', async (code) => {
    const { job } = startedJob((context) => context.heartbeat())
    const fn = testFunction(job, { fetch: testCoordinator([status(code)]).fetch })
    expect(await fn.receipt()).toMatchObject({ status: 'failure', error: { code: 'ATTEMPT_OVER' } })
  })

  it('that is refused aborts the run even where nobody waits for it', async () => {
    const { job } = startedJob(
      (context) =>
        new Promise((resolve) => {
          context.signal.addEventListener('abort', () => resolve('saw it'))
          void context.heartbeat()
        }),
    )
    const fn = testFunction(job, { fetch: testCoordinator([status(409)]).fetch })
    expect(await fn.receipt()).toEqual({ status: 'success', result: 'saw it' })
  })

  it('is sent again while the coordinator is away', async () => {
    const { job } = startedJob(async (context) => {
      await context.heartbeat()
      return context.deadline
    })
    const gone = () => Promise.reject(new TypeError('fetch failed'))
    const coordinator = testCoordinator([gone, status(503), taken(at(minute))])
    const fn = testFunction(job, { fetch: coordinator.fetch })
    const receipt = fn.receipt()
    await fn.clock.untilSleeping((ms) => ms === 375)
    fn.clock.advance(375)
    await fn.clock.untilSleeping((ms) => ms === 750)
    fn.clock.advance(750)
    expect(await receipt).toMatchObject({ status: 'success', result: at(minute).toISOString() })
    expect(coordinator.posts).toHaveLength(3)
  })

  it('that never gets through ends with the deadline', async () => {
    const { job, began } = startedJob((context) => context.heartbeat())
    const fn = testFunction(job, { fetch: () => new Promise(() => {}) })
    const receipt = fn.receipt()
    await began
    await fn.clock.untilSleeping((ms) => ms === 10_000)
    fn.clock.advance(30_000)
    expect(await receipt).toMatchObject({ error: { code: 'TIMEOUT' } })
  })

  it('throws, and leaves the deadline, where the answer names no new one', async () => {
    const { job } = startedJob(async (context) => {
      const error = await context.heartbeat().catch((error: unknown) => error as Error)
      return [error?.message, context.deadline]
    })
    const fn = testFunction(job, { fetch: testCoordinator([() => Response.json({ ok: true })]).fetch })
    const receipt: Receipt = await fn.receipt()
    expect(receipt.result).toEqual([
      'The coordinator took a heartbeat but named no new deadline.',
      at(30_000).toISOString(),
    ])
  })

  it('is refused without a call once the receipt is written', async () => {
    const { job, began } = startedJob(() => 'done')
    const coordinator = testCoordinator([taken(at(minute))])
    await testFunction(job, { fetch: coordinator.fetch }).receipt()
    await expect((await began).heartbeat()).rejects.toMatchObject({ code: 'ATTEMPT_OVER' })
    expect(coordinator.posts).toEqual([])
  })
})
