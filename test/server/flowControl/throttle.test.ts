import { describe, expect, it } from 'vitest'
import * as fc from 'fast-check'
import { z } from 'zod'
import { defineJob, type Duration } from '../../../core/index.js'
import { askThrottle, newThrottle, type ThrottleRule } from '../../../core/job/throttle.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import { runs } from '../../support/effort.js'

const rule = (limit: number, perMs: number, burst: number): ThrottleRule => ({ intervalMs: perMs / limit, burst })

/** The most starts in any window of `ms` that begins with a start. */
function mostStarts(starts: number[], ms: number): number {
  const sorted = starts.toSorted((a, b) => a - b)
  return Math.max(0, ...sorted.map((from, i) => sorted.slice(i).filter((at) => at < from + ms).length))
}

describe('the arithmetic', () => {
  it('grants a burst, then one each interval, and tells the rest when to come back', () => {
    const first = askThrottle(rule(2, 1_000, 3), newThrottle, 10_000, { waiting: 0, newcomers: 6 })
    expect(first.granted).toEqual({ waiting: 0, newcomers: 3 })
    expect(first.comeBackAt).toEqual([10_500, 11_000, 11_500])
  })

  it('puts newcomers behind those who wait', () => {
    const first = askThrottle(rule(1, 1_000, 1), newThrottle, 0, { waiting: 0, newcomers: 3 })
    expect(first.comeBackAt).toEqual([1_000, 2_000])
    const newcomer = askThrottle(rule(1, 1_000, 1), first.state, 1_000, { waiting: 0, newcomers: 1 })
    expect(newcomer).toMatchObject({ granted: { newcomers: 0 }, comeBackAt: [3_000] })
    const waiting = askThrottle(rule(1, 1_000, 1), newcomer.state, 1_000, { waiting: 1, newcomers: 0 })
    expect(waiting.granted.waiting).toBe(1)
  })

  it('forgets a line whose jobs no longer come', () => {
    const first = askThrottle(rule(1, 1_000, 1), newThrottle, 0, { waiting: 0, newcomers: 100 })
    const later = askThrottle(rule(1, 1_000, 1), first.state, 5_000, { waiting: 0, newcomers: 1 })
    expect(later.granted.newcomers).toBe(1)
  })

  it('never lets more than burst + rate × window start, whoever asks and whenever; and nobody waits for ever', () => {
    const ask = fc.record({ after: fc.integer({ min: 0, max: 5_000 }), newcomers: fc.integer({ min: 0, max: 20 }) })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(ask, { maxLength: 40 }),
        fc.integer({ min: 0, max: 60_000 }),
        (limit, burst, asks, outageMs) => {
          const throttle = rule(limit, 1_000, burst)
          let state = newThrottle
          let now = 1_000_000
          let waiting: number[] = []
          const starts: number[] = []
          const step = (newcomers: number) => {
            const due = waiting.filter((at) => at <= now)
            const answer = askThrottle(throttle, state, now, { waiting: due.length, newcomers })
            state = answer.state
            const granted = answer.granted.waiting + answer.granted.newcomers
            expect(granted + answer.comeBackAt.length).toBe(due.length + newcomers)
            for (let n = 0; n < granted; n++) starts.push(now)
            waiting = [...waiting.filter((at) => at > now), ...answer.comeBackAt.map(Math.ceil)]
          }
          asks.forEach(({ after, newcomers }, index) => {
            now += after + (index === 20 ? outageMs : 0)
            step(newcomers)
          })
          const total = starts.length + waiting.length
          for (let rounds = 0; waiting.length > 0 && rounds < 20_000; rounds++) {
            now = Math.max(now, Math.min(...waiting))
            step(0)
          }
          expect(starts).toHaveLength(total)
          for (const windowMs of [1, 250, 1_000, 3_000]) {
            expect(mostStarts(starts, windowMs)).toBeLessThanOrEqual(burst + Math.ceil((windowMs / 1_000) * limit))
          }
        },
      ),
      { numRuns: runs(200) },
    )
  })
})

const starts: { shop: string; at: number }[] = []
const sync = (clock: () => Date) =>
  defineJob({
    args: z.object({ shop: z.string(), n: z.number() }),
    throttle: { limit: 2, per: '1s', burst: 2, key: ({ shop }) => shop },
    run: ({ shop }) => void starts.push({ shop, at: clock().getTime() }),
  })

async function throttled(options = {}) {
  starts.length = 0
  let clock = () => new Date()
  const errand = await testErrand({ sync: sync(() => clock()) }, options)
  clock = () => errand.clock.now()
  return errand
}

async function runFor(errands: TestErrand[], steps: number, step: Duration = '250ms') {
  for (let n = 0; n < steps; n++) {
    await Promise.all(errands.map((errand) => errand.run()))
    await errands[0]!.clock.advance(step)
  }
}

const startsOf = (shop: string) => starts.filter((start) => start.shop === shop).map(({ at }) => at)

describe('throttle', () => {
  it('delays jobs beyond the rate of their key, drops none, and leaves other keys alone', async () => {
    await using errand = await throttled()
    for (let n = 0; n < 10; n++) await errand.enqueue('sync', { shop: 'a', n })
    await errand.enqueue('sync', { shop: 'b', n: 0 })
    await errand.run()
    expect(startsOf('a')).toHaveLength(2)
    expect(startsOf('b')).toHaveLength(1)
    await runFor([errand], 20)
    expect(startsOf('a')).toHaveLength(10)
    expect(mostStarts(startsOf('a'), 1_000)).toBeLessThanOrEqual(4)
    expect(
      startsOf('a')
        .slice(2)
        .every((at, i, all) => i === 0 || at - all[i - 1]! >= 500),
    ).toBe(true)
    const jobs = await errand.database.db.collection('errand_jobs').find({ worker: 'sync' }).toArray()
    expect(jobs.every(({ attempt, state }) => attempt === 1 && state === 'succeeded')).toBe(true)
  })

  it('holds the rate with two coordinators', async () => {
    await using errand = await throttled()
    await using second = await testErrand(errand.workers, { beside: errand })
    await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 ? errand : second).enqueue('sync', { shop: 'a', n })))
    await runFor([errand, second], 60)
    expect(startsOf('a')).toHaveLength(20)
    expect(mostStarts(startsOf('a'), 1_000)).toBeLessThanOrEqual(4)
    expect(mostStarts(startsOf('a'), 3_000)).toBeLessThanOrEqual(8)
  })

  it('holds the rate after an outage', async () => {
    await using errand = await throttled()
    for (let n = 0; n < 20; n++) await errand.enqueue('sync', { shop: 'a', n })
    await errand.run()
    await errand.clock.advance('1h')
    await errand.run()
    expect(startsOf('a')).toHaveLength(4)
    await runFor([errand], 60)
    expect(startsOf('a')).toHaveLength(20)
    expect(mostStarts(startsOf('a'), 1_000)).toBeLessThanOrEqual(4)
  })
})
