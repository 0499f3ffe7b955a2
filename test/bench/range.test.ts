import { describe, expect, it } from 'vitest'
import { rangeOfMedian, reachOf } from '../../bench/against/range.js'

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)

describe('the 90% range of a median', () => {
  it('is not known from fewer than five values', () => {
    for (const count of [0, 1, 2, 3, 4]) expect(rangeOfMedian(upTo(count))).toBeUndefined()
  })

  it('goes from one value to another as the tables of order statistics have it', () => {
    const ends = Object.fromEntries([5, 7, 8, 10, 11, 20, 30].map((count) => [count, rangeOfMedian(upTo(count))]))
    expect(ends).toEqual({
      5: { low: 1, high: 5 },
      7: { low: 1, high: 7 },
      8: { low: 2, high: 7 },
      10: { low: 2, high: 9 },
      11: { low: 3, high: 9 },
      20: { low: 6, high: 15 },
      30: { low: 11, high: 20 },
    })
  })

  it('does not depend on the order, and is not moved by one wild value', () => {
    expect(rangeOfMedian([1.02, 0.99, 40, 1, 1.01, 0.98, 1.03, 0.97])).toEqual({ low: 0.98, high: 1.03 })
  })

  it('holds the true median in nine of ten measurements', () => {
    const random = seeded(7)
    for (const count of [5, 6, 9, 14, 30]) {
      const trials = 4_000
      let held = 0
      for (let trial = 0; trial < trials; trial++) {
        // skewed, as ratios are; its median is 1
        const values = Array.from({ length: count }, () => (0.5 + random()) ** 3)
        const { low, high } = rangeOfMedian(values)!
        if (low <= 1 && high >= 1) held++
      }
      expect(held / trials).toBeGreaterThan(0.89)
    }
  })

  it('reaches as far as its further end', () => {
    expect(reachOf(2, { low: 1.9, high: 2.04 })).toBeCloseTo(0.05)
    expect(reachOf(2, { low: 1.98, high: 2.04 })).toBeCloseTo(0.02)
  })
})

/** The same numbers in every run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}
