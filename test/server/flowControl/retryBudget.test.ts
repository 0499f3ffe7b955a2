import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { testErrand, type TestErrand } from '../../support/errand.js'

const retry = { attempts: 3, backoff: ['1s'] as ['1s'], budget: { limit: 2, per: '10s' } } as const
const flaky = defineJob({
  args: z.object({}),
  retry,
  run() {
    throw new Error('not today')
  },
})

const attemptsOf = async (errand: TestErrand, ids: string[]) =>
  (await Promise.all(ids.map((id) => errand.get(id)))).map(({ attempt }) => attempt).toSorted((a, b) => a - b)
const enqueue = (errand: TestErrand, count: number, worker = 'flaky') =>
  Promise.all(Array.from({ length: count }, () => errand.enqueue(worker)))
const why = async ({ coordinator }: TestErrand, id: string) =>
  (await coordinator.fetch(new Request(`http://coordinator.test/job/${id}/why`))).json()

describe('a retry budget', () => {
  it('lets first attempts start, and so many retries; the others wait, uncharged, for their turn', async () => {
    await using errand = await testErrand({ flaky })
    const ids = await enqueue(errand, 5)
    await errand.run()
    expect(await attemptsOf(errand, ids)).toEqual([1, 1, 1, 1, 1])
    await errand.clock.advance('1s')
    await errand.run()
    expect(await attemptsOf(errand, ids)).toEqual([1, 1, 1, 2, 2])
    // one token comes back each five seconds
    await errand.clock.advance('5s')
    await errand.run()
    expect((await attemptsOf(errand, ids)).reduce((sum, attempt) => sum + attempt, 0)).toBe(8)
    const more = await enqueue(errand, 5)
    await errand.run()
    expect(await attemptsOf(errand, more)).toEqual([1, 1, 1, 1, 1])
  })

  it('holds over all coordinators, and loses nothing', async () => {
    await using errand = await testErrand({ flaky })
    await using other = await testErrand({ flaky }, { beside: errand })
    const ids = await enqueue(errand, 6)
    for (let second = 0; second <= 60; second++) {
      await Promise.all([errand.run(), other.run()])
      const retries = (await attemptsOf(errand, ids)).reduce((sum, attempt) => sum + attempt, 0) - ids.length
      expect(retries).toBeLessThanOrEqual(2 + second / 5)
      await errand.clock.advance('1s')
    }
    expect(await attemptsOf(errand, ids)).toEqual([3, 3, 3, 3, 3, 3])
  })

  it('is told by why, in words and as data', async () => {
    await using errand = await testErrand({ flaky })
    const ids = await enqueue(errand, 4)
    await errand.run()
    await errand.clock.advance('1s')
    await errand.run()
    const told = await Promise.all(ids.map((id) => why(errand, id)))
    const waiting = told.flatMap(({ reasons }) => reasons).filter(({ kind }) => kind === 'over-budget')
    expect(waiting.map(({ before }) => before)).toEqual([0, 1])
    expect(waiting[0]).toMatchObject({
      worker: 'flaky',
      rule: { intervalMs: 5_000, burst: 2 },
      message: expect.stringMatching(
        /^The retry budget of flaky \(12 starts a minute\) is spent; no job is before this one/,
      ),
    })
  })

  it('takes nothing of what a throttle lets start, which a retry passes as well', async () => {
    const both = defineJob({ ...flaky, throttle: { limit: 1, per: '1s' } })
    await using errand = await testErrand({ both })
    const [first, second] = (await enqueue(errand, 2, 'both')) as [string, string]
    const total = async () => (await attemptsOf(errand, [first, second])).reduce((sum, attempt) => sum + attempt, 0)
    for (const starts of [1, 2, 3, 4]) {
      await errand.run()
      expect(await total()).toBe(starts)
      await errand.clock.advance('1s')
    }
  })
})
