import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { manualClock } from '../../support/clock.js'
import { testErrand, type TestErrand, type TestErrandOptions } from '../../support/errand.js'
import type { Answer } from '../../../server/deps.js'

const retry = { attempts: 3, backoff: ['1h'] as ['1h'] }
const work = defineJob({ args: z.object({ n: z.number().default(0) }), retry, run: () => null })
const other = defineJob({ args: z.object({}), run: () => null })

const unreachable: Answer = { kind: 'failed', code: 'UNREACHABLE', message: 'The function could not be called.' }
const broken = (status: number): Answer => ({ kind: 'failed', code: `HTTP_${status}`, message: 'It answered.' })
const success: Answer = { kind: 'receipt', receipt: { status: 'success', result: null } }

/** A function that answers as the test says, and counts its calls. */
function functionOf(answer: Answer) {
  const called: string[] = []
  const platform = {
    answer,
    called,
    invoke: async ({ url, headers }: { url: string; headers: Record<string, string> }): Promise<Answer> => {
      if (url.endsWith('/other')) return success
      called.push(headers['webhook-id']!)
      return platform.answer
    },
  }
  return platform
}

type Platform = ReturnType<typeof functionOf>
const errandWith = (platform: Platform, options: TestErrandOptions = {}) =>
  testErrand({ work, other }, { invoke: platform.invoke, random: () => 0, ...options })

const many = (errand: TestErrand, count: number) =>
  Promise.all(Array.from({ length: count }, (_, n) => errand.enqueue('work', { n })))
const attemptsOf = async (errand: TestErrand, ids: string[]) =>
  (await Promise.all(ids.map((id) => errand.get(id)))).map(({ state, attempt }) => `${state} ${attempt}`)
const charged = async (errand: TestErrand, ids: string[]) =>
  (await attemptsOf(errand, ids)).filter((text) => !text.endsWith(' 0')).length
const pausesOf = async ({ coordinator }: TestErrand) =>
  ((await (await coordinator.fetch(new Request('http://coordinator.test/pauses'))).json()) as { pauses: unknown[] })
    .pauses
const why = async ({ coordinator }: TestErrand, id: string) =>
  (await coordinator.fetch(new Request(`http://coordinator.test/job/${id}/why`))).json()

/** Twenty failures in a row open the breaker. */
async function opened(platform = functionOf(unreachable), options: TestErrandOptions = {}) {
  const errand = await errandWith(platform, { concurrency: 1, ...options })
  await many(errand, 20)
  await errand.run()
  expect(await pausesOf(errand)).toMatchObject([{ scope: 'worker', worker: 'work', by: 'circuit breaker' }])
  return { errand, platform }
}

it('stays shut however often run throws what cannot be read', async () => {
  const unreadable = Object.defineProperty(new Error('x'), 'message', {
    get: () => {
      throw new TypeError('no template')
    },
  })
  const boom = defineJob({
    args: z.object({ bad: z.boolean() }),
    retry,
    run: ({ bad }) => (bad ? Promise.reject(unreadable) : 'fine'),
  })
  await using errand = await testErrand({ boom })
  const ids = await Promise.all(Array.from({ length: 25 }, () => errand.enqueue('boom', { bad: true })))
  await errand.run()
  const good = await errand.enqueue('boom', { bad: false })
  await errand.run()
  expect(await pausesOf(errand)).toEqual([])
  expect(await errand.get(good)).toMatchObject({ state: 'succeeded' })
  expect((await errand.get(ids[0]!)).receipts).toMatchObject([
    { error: { name: 'Error', message: expect.stringContaining('cannot be read') as string } },
  ])
})

describe('an open circuit breaker', () => {
  it('lets no job of the worker start, charges none, and leaves other workers alone', async () => {
    const { errand, platform } = await opened()
    await using _ = errand
    const calls = platform.called.length
    const waiting = await many(errand, 30)
    const free = await errand.enqueue('other')
    await errand.run()
    expect(platform.called).toHaveLength(calls)
    expect(await charged(errand, waiting)).toBe(0)
    expect(await errand.get(free)).toMatchObject({ state: 'succeeded' })
    expect(await errand.get(waiting[0]!)).toMatchObject({
      state: 'queued',
      paused: { scope: 'worker', by: 'circuit breaker', until: '2030-01-01T00:00:05.000Z' },
    })
  })

  it('charges no call that was on its way', async () => {
    const platform = functionOf(broken(502))
    await using errand = await errandWith(platform, { concurrency: 60 })
    const ids = await many(errand, 60)
    await errand.run()
    // as many as it takes to open it
    expect(await charged(errand, ids)).toBe(20)
    expect(await errand.get(ids.at(-1)!)).toMatchObject({ receipts: [] })
  })

  it('is told by why, in words and as data', async () => {
    const { errand } = await opened(functionOf(broken(503)))
    await using _ = errand
    const [id] = (await many(errand, 1)) as [string]
    await errand.run()
    expect(await why(errand, id)).toMatchObject({
      running: false,
      reasons: [
        {
          kind: 'broken',
          worker: 'work',
          code: 'HTTP_503',
          since: '2030-01-01T00:00:00.000Z',
          until: '2030-01-01T00:00:05.000Z',
          times: 0,
          message:
            'The function of work fails (HTTP_503), so it is left alone since 2030-01-01T00:00:00.000Z. One job tries it at 2030-01-01T00:00:05.000Z; no attempt is charged meanwhile.',
        },
        { kind: 'failing' },
      ],
    })
  })

  it('holds on every coordinator', async () => {
    const { errand, platform } = await opened()
    await using _ = errand
    await using second = await errandWith(platform, { beside: errand })
    const calls = platform.called.length
    const ids = await many(second, 10)
    await second.run()
    expect(platform.called).toHaveLength(calls)
    expect(await charged(errand, ids)).toBe(0)
  })
})

describe('a probe', () => {
  it('is one job, once the time is over; the others follow when it gets through', async () => {
    const { errand, platform } = await opened(functionOf(unreachable), { concurrency: 10 })
    await using _ = errand
    const ids = await many(errand, 10)
    await errand.run()
    const before = platform.called.length
    await errand.clock.advance('5s')
    platform.answer = success
    let answerNow = () => {}
    const answered = new Promise<void>((resolve) => (answerNow = resolve))
    const { invoke } = errand.coordinator.deps
    errand.coordinator.deps.invoke = async (call) => {
      const answer = await invoke(call)
      await answered
      return answer
    }
    await errand.coordinator.deps.circuitBreakers.probe()
    await errand.claim()
    expect(platform.called).toHaveLength(before + 1)
    expect(await pausesOf(errand)).toHaveLength(1)
    answerNow()
    await errand.run()
    await errand.run()
    expect(await pausesOf(errand)).toEqual([])
    expect(new Set(await attemptsOf(errand, ids))).toEqual(new Set(['succeeded 1']))
  })

  it('is alone, charged, and followed by twice the time, where it fails', async () => {
    const { errand, platform } = await opened()
    await using _ = errand
    const ids = await many(errand, 10)
    await errand.run()
    for (const seconds of [5, 10, 20]) {
      const before = platform.called.length
      await errand.clock.advance(`${seconds}s`)
      await errand.coordinator.deps.circuitBreakers.probe()
      await errand.run()
      expect(platform.called).toHaveLength(before + 1)
      expect(await pausesOf(errand)).toMatchObject([
        { until: new Date(errand.clock.now().getTime() + seconds * 2_000).toISOString() },
      ])
    }
    expect(await charged(errand, ids)).toBe(3)
  })

  it('is one, of however many coordinators', async () => {
    const { errand, platform } = await opened()
    await using _ = errand
    await using second = await errandWith(platform, { beside: errand })
    await many(errand, 10)
    await Promise.all([errand.run(), second.run()])
    await errand.clock.advance('5s')
    const before = platform.called.length
    await Promise.all([errand, second].map(({ coordinator }) => coordinator.deps.circuitBreakers.probe()))
    await Promise.all([errand.run(), second.run()])
    expect(platform.called).toHaveLength(before + 1)
  })

  it('is made again by another coordinator where the first died before the job was let go', async () => {
    const { errand, platform } = await opened()
    await using _ = errand
    const ids = await many(errand, 3)
    await errand.run()
    await using second = await errandWith(platform, { beside: errand })
    await errand.clock.advance('5s')
    errand.coordinator.deps.store.jobs.releaseOne = async () => {
      throw new Error('died')
    }
    await expect(errand.coordinator.deps.circuitBreakers.probe()).rejects.toThrow('died')
    platform.answer = success
    await second.coordinator.deps.circuitBreakers.probe()
    await second.run()
    expect(await charged(second, ids)).toBe(0)
    // the worker's timeout, and the time to start
    await errand.clock.advance('40s')
    await second.coordinator.deps.circuitBreakers.probe()
    await second.run()
    await second.run()
    expect(new Set(await attemptsOf(second, ids))).toEqual(new Set(['succeeded 1']))
  })

  it('needs a job: where none waits the breaker closes, and the next job finds out', async () => {
    const { errand, platform } = await opened()
    await using _ = errand
    await errand.clock.advance('5s')
    await errand.coordinator.deps.circuitBreakers.probe()
    expect(await pausesOf(errand)).toEqual([])
    const before = platform.called.length
    await many(errand, 3)
    await errand.run()
    // it fails still, so it opens at the first of them
    expect(platform.called).toHaveLength(before + 1)
    expect(await pausesOf(errand)).toHaveLength(1)
  })
})

describe('a breaker stays closed', () => {
  it.each<[string, Answer]>([
    ['what run throws', { kind: 'receipt', receipt: { status: 'failure', error: { name: 'Error', message: 'no' } } }],
    ['429', { ...(broken(429) as Answer & { kind: 'failed' }), retryAfterMs: 1_000 }],
    ['503 that says when', { ...(broken(503) as Answer & { kind: 'failed' }), retryAfterMs: 1_000 }],
    ['a refused signature', broken(401)],
  ])('at %s', async (_name, answer) => {
    await using errand = await errandWith(functionOf(answer), { concurrency: 1 })
    await many(errand, 30)
    await errand.run()
    expect(await pausesOf(errand)).toEqual([])
  })

  it('while every few calls get through', async () => {
    const platform = functionOf(unreachable)
    await using errand = await errandWith(platform, { concurrency: 1 })
    const { invoke } = errand.coordinator.deps
    errand.coordinator.deps.invoke = async (call) => {
      platform.answer = platform.called.length % 15 === 14 ? success : unreachable
      return invoke(call)
    }
    await many(errand, 60)
    await errand.run()
    expect(await pausesOf(errand)).toEqual([])
  })

  it('at four failures that lie apart, and opens at the fifth', async () => {
    const clock = manualClock()
    await using errand = await errandWith(functionOf(unreachable), { clock })
    for (const pauses of [0, 0, 0, 0, 1]) {
      await errand.enqueue('work')
      await errand.run()
      expect(await pausesOf(errand)).toHaveLength(pauses)
      await clock.advance('1s')
    }
  })
})

it('is ended by hand, as a pause is', async () => {
  const { errand, platform } = await opened()
  await using _ = errand
  const ids = await many(errand, 3)
  await errand.run()
  platform.answer = success
  const response = await errand.coordinator.fetch(
    new Request('http://coordinator.test/pauses?worker=work', { method: 'DELETE' }),
  )
  expect(await response.json()).toMatchObject({ by: 'circuit breaker', released: 3 })
  await errand.run()
  expect(new Set(await attemptsOf(errand, ids))).toEqual(new Set(['succeeded 1']))
})
