import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { defineJob, type JobContext } from '../../core/job/defineJob.js'
import { postBackoffMs } from '../../runtime/post.js'
import { gate, start, testCoordinator, testFunction } from './support.js'

const status = (code: number) => () => new Response('{}', { status: code })
const unreachable = () => Promise.reject(new TypeError('fetch failed'))
const settled = () => new Promise((resolve) => setImmediate(resolve))
const receiptUrl = 'http://coordinator.test/job/job1/receipt?token=t0'

/** Takes what is posted, and tells that it has. */
function takingCoordinator() {
  const { opened, open } = gate()
  const coordinator = testCoordinator([
    () => {
      open()
      return status(200)()
    },
  ])
  return { ...coordinator, taken: opened }
}

/** A `receipt: 'posted'` function whose work the test can wait for, as a platform would. */
function postedFunction(
  run: (context: JobContext) => unknown,
  answers: (() => Response | Promise<Response>)[],
  fetch?: typeof globalThis.fetch,
) {
  const coordinator = testCoordinator(answers)
  const warn = vi.fn<(message: string) => void>()
  const job = defineJob({ args: z.object({}), receipt: 'posted', run: (_, context) => run(context) })
  const fn = testFunction(job, { fetch: fetch ?? coordinator.fetch, warn })
  const work: Promise<unknown>[] = []
  const platform = { waitUntil: (promise: Promise<unknown>) => void work.push(promise) }
  return {
    ...coordinator,
    clock: fn.clock,
    warn,
    call: (overrides = {}) => fn.call(overrides, { platform }),
    done: () => Promise.all(work),
  }
}

describe("receipt: 'posted'", () => {
  it('is answered with 202 while run still works, then its receipt is posted', async () => {
    const { opened, open } = gate<string>()
    const fn = postedFunction(() => opened, [status(200)])
    const response = await fn.call()
    expect(response.status).toBe(202)
    expect(fn.posts).toEqual([])
    open('done at last')
    await fn.done()
    expect(fn.posts).toEqual([{ url: receiptUrl, body: '{"status":"success","result":"done at last"}' }])
    expect(fn.warn).not.toHaveBeenCalled()
  })

  it('tries its receipt within every timeout, because a coordinator that was away waits for no longer', async () => {
    const fn = postedFunction(
      () => 'done',
      Array.from({ length: 40 }, () => unreachable),
    )
    const deadline = new Date(fn.clock.now().getTime() + 9_000).toISOString()
    await fn.call({ deadline })
    const triedAt: number[] = []
    for (let second = 0; second < 80; second++) {
      await settled()
      for (let tries = triedAt.length; tries < fn.posts.length; tries++) triedAt.push(second)
      fn.clock.advance(1_000)
    }
    const pauses = triedAt.slice(1).map((at, index) => at - triedAt[index]!)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(4)
    expect(triedAt.at(-1)).toBeGreaterThan(60)
    await fn.done()
  })

  it('works on platforms that have no waitUntil', async () => {
    const posted = gate<string>()
    const job = defineJob({ args: z.object({}), receipt: 'posted', run: () => 1 })
    const fetch: typeof globalThis.fetch = async (_, init) => {
      posted.open(init?.body as string)
      return new Response('{}')
    }
    expect((await testFunction(job, { fetch }).call()).status).toBe(202)
    expect(await posted.opened).toBe('{"status":"success","result":1}')
  })

  it('is answered by every worker whose caller cannot wait for as long as it takes', async () => {
    const { opened, open } = gate<string>()
    const coordinator = takingCoordinator()
    const job = defineJob({ args: z.object({}), run: () => opened })
    const fn = testFunction(job, { fetch: coordinator.fetch })
    const calling = fn.call({}, { prefer: 'respond-async, wait=20' })
    await fn.clock.untilSleeping((ms) => ms === 20_000)
    fn.clock.advance(20_000)
    expect((await calling).status).toBe(202)
    expect(coordinator.posts).toEqual([])
    open('after all')
    await coordinator.taken
    expect(coordinator.posts).toEqual([{ url: receiptUrl, body: '{"status":"success","result":"after all"}' }])
  })

  it('is not needed where the work is done while the caller waits', async () => {
    const coordinator = testCoordinator([])
    const job = defineJob({ args: z.object({}), run: () => 'soon' })
    const answer = await testFunction(job, { fetch: coordinator.fetch }).call({}, { prefer: 'respond-async, wait=20' })
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'success', result: 'soon' }])
    expect(coordinator.posts).toEqual([])
  })

  it('posts when the caller hangs up earlier than it said', async () => {
    const { opened, open } = gate<string>()
    const coordinator = takingCoordinator()
    const hungUp = new AbortController()
    const job = defineJob({ args: z.object({}), run: () => opened })
    const fn = testFunction(job, { fetch: coordinator.fetch })
    const calling = fn.call({}, { prefer: 'respond-async, wait=20', signal: hungUp.signal })
    await fn.clock.untilSleeping((ms) => ms === 20_000)
    hungUp.abort()
    expect((await calling).status).toBe(202)
    open('alone')
    await coordinator.taken
    expect(coordinator.posts).toEqual([{ url: receiptUrl, body: '{"status":"success","result":"alone"}' }])
  })

  it('is left to the caller where the platform ends what goes on for so long after its answer', async () => {
    const { opened, open } = gate<string>()
    const job = defineJob({ args: z.object({}), run: () => opened })
    const platform = { afterAnswerMs: 10_000 }
    const calling = testFunction(job).call({}, { prefer: 'respond-async, wait=0', platform })
    open('waited for')
    expect(await (await calling).json()).toEqual({ status: 'success', result: 'waited for' })
  })

  it('runs nothing and answers 401 when the signature is bad', async () => {
    const job = defineJob({ args: z.object({}), receipt: 'posted', run: () => 1 })
    expect((await testFunction(job).call({}, { at: new Date(0) })).status).toBe(401)
  })

  it('posts failures, bad args and timeouts too', async () => {
    const failing = postedFunction(() => Promise.reject(new Error('no')), [status(200)])
    await failing.call()
    await failing.done()
    expect(failing.posts[0]?.body).toContain('"message":"no"')

    const misfit = postedFunction(() => 1, [status(200)])
    await misfit.call({ args: 'text' })
    await misfit.done()
    expect(misfit.posts[0]?.body).toContain('"code":"INVALID_ARGS"')

    const slow = postedFunction(() => new Promise(() => {}), [status(200)])
    await slow.call()
    slow.clock.advance(30_000)
    await slow.done()
    expect(slow.posts[0]?.body).toContain('"code":"TIMEOUT"')
  })

  it('posts the receipt again until it is taken', async () => {
    const fn = postedFunction(() => 1, [unreachable, status(500), status(429), status(503), status(200)])
    await fn.call()
    for (const waitMs of [375, 750, 1_500, 3_000]) {
      await fn.clock.untilSleeping((ms) => ms === waitMs)
      fn.clock.advance(waitMs)
    }
    await fn.done()
    expect(fn.posts).toHaveLength(5)
    expect(new Set(fn.posts.map(({ body }) => body)).size).toBe(1)
    expect(fn.warn).not.toHaveBeenCalled()
  })

  it('posts again when a post gets no answer in time', async () => {
    let tries = 0
    const deaf: typeof globalThis.fetch = (_, init) =>
      tries++ > 0
        ? Promise.resolve(new Response('{}'))
        : new Promise((_, reject) => init!.signal!.addEventListener('abort', () => reject(new Error('aborted'))))
    const fn = postedFunction(() => 1, [], deaf)
    // a heartbeat would be due after ten seconds as well
    await fn.call({ deadline: new Date(start.getTime() + 60_000).toISOString() })
    await fn.clock.untilSleeping((ms) => ms === 10_000)
    fn.clock.advance(10_000)
    await fn.clock.untilSleeping((ms) => ms === 375)
    fn.clock.advance(375)
    await fn.done()
    expect(tries).toBe(2)
  })

  it.each([400, 401, 404, 409, 413])('stops when the receipt is refused with %i, and says so', async (code) => {
    const fn = postedFunction(() => 1, [status(code)])
    await fn.call()
    await fn.done()
    expect(fn.posts).toHaveLength(1)
    expect(fn.warn).toHaveBeenCalledExactlyOnceWith(
      `errand: the receipt of mail.send job1, attempt 1, was not taken: it was refused with ${code}.`,
    )
  })

  it('gives up some time after the deadline', async () => {
    const fn = postedFunction(() => 1, [status(503)])
    await fn.call()
    await fn.clock.untilSleeping((ms) => ms === 375)
    fn.clock.advance(89_999)
    await fn.done()
    expect(fn.clock.now().getTime() - start.getTime()).toBeLessThan(30_000 + 60_000)
    expect(fn.posts).toHaveLength(2)
    expect(fn.warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('it answered 503'))
  })
})

describe('while a posted run goes on', () => {
  const beat = (ms: number) => () => Response.json({ deadline: new Date(start.getTime() + ms).toISOString() })
  const heartbeatUrl = 'http://coordinator.test/job/job1/heartbeat?token=t0'

  it('sends a heartbeat at each third of the timeout, so that the deadline does not pass', async () => {
    const { opened, open } = gate<string>()
    const fn = postedFunction(
      () => opened,
      [10, 20, 30, 40].map((s) => beat((s + 30) * 1_000)),
    )
    await fn.call()
    for (let count = 1; count <= 4; count++) {
      fn.clock.advance(9_999)
      await settled()
      expect(fn.posts).toHaveLength(count - 1)
      fn.clock.advance(1)
      await settled()
      expect(fn.posts.at(-1)).toEqual({ url: heartbeatUrl, body: '{}' })
    }
    open('done')
    await fn.done()
    expect(fn.posts.at(-1)).toEqual({ url: receiptUrl, body: '{"status":"success","result":"done"}' })
    expect(fn.posts).toHaveLength(5)
    expect(fn.clock.sleepers()).toBe(0)
  })

  it('sends none for a quick one, and none where the receipt is answered', async () => {
    const fn = postedFunction(() => 1, [status(200)])
    await fn.call()
    await fn.done()
    expect(fn.posts.map(({ url }) => url)).toEqual([receiptUrl])
    const { opened, open } = gate()
    const coordinator = testCoordinator([beat(60_000)])
    const answered = testFunction(defineJob({ args: z.object({}), run: () => opened }), { fetch: coordinator.fetch })
    const receipt = answered.receipt()
    await answered.clock.untilSleeping((ms) => ms === 30_000)
    answered.clock.advance(29_999)
    open()
    await receipt
    expect(coordinator.posts).toEqual([])
  })

  it('aborts the signal when a heartbeat is refused, and sends no more', async () => {
    const aborted = gate()
    const reasons: unknown[] = []
    const fn = postedFunction(
      (context) =>
        new Promise((_, reject) =>
          context.signal.addEventListener('abort', () => {
            reasons.push((context.signal.reason as { code: string }).code)
            aborted.open()
            reject(context.signal.reason as Error)
          }),
        ),
      [status(409)],
    )
    await fn.call()
    fn.clock.advance(10_000)
    await aborted.opened
    await fn.done()
    expect(reasons).toEqual(['ATTEMPT_OVER'])
    expect(fn.posts.map(({ url }) => url)).toEqual([heartbeatUrl, receiptUrl])
  })

  it('goes on past its deadline while the coordinator cannot be reached, and is in time again when it can', async () => {
    const { opened, open } = gate<string>()
    const renewed = new Date(start.getTime() + 95_000).toISOString()
    const taken = () => new Response(JSON.stringify({ deadline: renewed }))
    const away = Array.from({ length: 6 }, () => unreachable)
    let context: JobContext | undefined
    const run = (given: JobContext) => {
      context = given
      return opened
    }
    const fn = postedFunction(run, [...away, taken, status(200)])
    await fn.call({ latest: new Date(start.getTime() + 3_600_000).toISOString() })
    for (let beat = 0; beat < 7; beat++) {
      fn.clock.advance(10_000)
      await settled()
    }
    expect(context!.signal.aborted).toBe(false)
    expect(context!.deadline).toEqual(new Date(renewed))
    open('done')
    await fn.done()
    expect(fn.posts.at(-1)!.body).toBe('{"status":"success","result":"done"}')
  })

  it('does not go on beyond its maxRuntime, though nobody can be reached', async () => {
    let context: JobContext | undefined
    const run = (given: JobContext) => {
      context = given
      return new Promise(() => {})
    }
    const fn = postedFunction(run, [unreachable])
    await fn.call({ latest: new Date(start.getTime() + 60_000).toISOString() })
    for (let beat = 0; beat < 5; beat++) {
      fn.clock.advance(10_000)
      await settled()
      expect(context!.signal.aborted).toBe(false)
    }
    fn.clock.advance(10_000)
    await settled()
    expect(context!.signal.reason).toMatchObject({ code: 'TIMEOUT' })
  })

  it('gives up at the deadline where no heartbeat is heard', async () => {
    const fn = postedFunction(() => new Promise(() => {}), [unreachable, unreachable, unreachable, status(200)])
    await fn.call()
    for (let beat = 0; beat < 3; beat++) {
      fn.clock.advance(10_000)
      await settled()
    }
    for (let round = 0; round < 4; round++) {
      fn.clock.advance(1_500)
      await settled()
    }
    await fn.done()
    expect(fn.posts.at(-1)!.body).toContain('"code":"TIMEOUT"')
    expect(fn.posts.at(-1)!.body).toContain('maxRuntime')
  })
})

it('waits longer after each try, up to half a minute, with jitter', () => {
  expect([1, 2, 3, 7, 1_000].map((tries) => postBackoffMs(tries, () => 0))).toEqual([250, 500, 1_000, 15_000, 15_000])
  expect(postBackoffMs(1_000, () => 0.999_999)).toBeLessThan(30_000)
  expect(postBackoffMs(1_000, () => 0.999_999, 3_000)).toBeLessThan(3_000)
})
