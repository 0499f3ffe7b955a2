import { describe, expect, it } from 'vitest'
import { areEnough, compare, verdictOf, type FigureValue, type Pair } from '../../bench/against/judge.js'

const micros = (workload: string, value: number): FigureValue => ({ workload, value, unit: 'µs/job' })
const rate = (workload: string, value: number): FigureValue => ({ workload, value, unit: 'jobs/s' })

/** Pairs of a workload whose processor time in all has these ratios. */
const pairsOf = (ratios: readonly number[]): Pair[] =>
  ratios.map((ratio, index) => ({
    old: [rate('W7', 3_000 + 400 * (index % 3)), micros('W7 CPU, engine', 400), micros('W7 CPU, in all', 500)],
    new: [rate('W7', 3_200), micros('W7 CPU, engine', 400), micros('W7 CPU, in all', 500 * ratio)],
  }))

const decidingOf = (pairs: readonly Pair[]) => compare('W7', pairs).filter(({ decides }) => decides)

describe('a verdict', () => {
  it('is "no worse" where the range holds 1, whatever the unit', () => {
    expect(verdictOf({ low: 0.98, high: 1.01 }, 'jobs/s')).toBe('no worse')
    expect(verdictOf({ low: 1, high: 1.04 }, 'µs/job')).toBe('no worse')
    expect(verdictOf({ low: 0.9, high: 1 }, 'ms')).toBe('no worse')
  })

  it('knows of which figures more is better', () => {
    for (const unit of ['jobs/s', 'attempts/s', 'calls/s', 'ratio'] as const) {
      expect(verdictOf({ low: 1.01, high: 1.04 }, unit)).toBe('better')
      expect(verdictOf({ low: 0.9, high: 0.99 }, unit)).toBe('worse')
    }
    for (const unit of ['µs/job', 'ms', '%', 'MB', 'operations/s'] as const) {
      expect(verdictOf({ low: 1.01, high: 1.04 }, unit)).toBe('worse')
      expect(verdictOf({ low: 0.9, high: 0.99 }, unit)).toBe('better')
    }
  })

  it('is unknown without a range', () => {
    expect(verdictOf(undefined, 'jobs/s')).toBe('unknown')
    expect(decidingOf(pairsOf([1, 1, 1, 1]))).toMatchObject([{ ratio: 1, range: undefined, verdict: 'unknown' }])
  })
})

describe('a comparison', () => {
  it('takes the median of the ratios of pairs, not the ratio of the medians', () => {
    const pairs = [
      { old: [rate('W5', 10)], new: [rate('W5', 20)] },
      { old: [rate('W5', 100)], new: [rate('W5', 110)] },
      { old: [rate('W5', 1_000)], new: [rate('W5', 900)] },
    ]
    expect(compare('W5', pairs)).toMatchObject([{ old: 100, new: 110, ratio: 1.1 }])
  })

  it('is decided by the processor time in all where both builds count it', () => {
    expect(decidingOf(pairsOf([1, 1, 1, 1, 1, 1])).map(({ figure }) => figure)).toEqual(['W7 CPU, in all'])
  })

  it('sums the processes that both count where a build has no sum, and says which', () => {
    const pairs = Array.from({ length: 6 }, () => ({
      old: [rate('W7', 3_000), micros('W7 CPU, coordinator', 200), micros('W7 CPU, engine', 100)],
      new: [
        rate('W7', 3_000),
        micros('W7 CPU, client', 50),
        micros('W7 CPU, coordinator', 200),
        micros('W7 CPU, engine', 130),
        micros('W7 CPU, in all', 380),
      ],
    }))
    expect(decidingOf(pairs)).toMatchObject([
      { figure: 'W7 CPU, in all of coordinator, engine', old: 300, new: 330, ratio: 1.1, verdict: 'worse' },
    ])
  })

  it('counts a process that only the new build has, where both say what all take', () => {
    const pairs = Array.from({ length: 6 }, () => ({
      old: [micros('W7 CPU, coordinator', 200), micros('W7 CPU, in all', 200)],
      new: [micros('W7 CPU, coordinator', 100), micros('W7 CPU, gate', 150), micros('W7 CPU, in all', 250)],
    }))
    expect(decidingOf(pairs)).toMatchObject([{ ratio: 1.25, verdict: 'worse' }])
  })

  it('is decided by every figure where the processor is not counted', () => {
    const figures = [
      { workload: 'W8 CPU, engine', value: 1, unit: '%' as const },
      { workload: 'W8 memory, engine', value: 90, unit: 'MB' as const },
    ]
    const pairs = Array.from({ length: 6 }, () => ({ old: figures, new: figures }))
    expect(compare('W8', pairs).map(({ decides }) => decides)).toEqual([true, true])
  })

  it('has no ratio to nothing', () => {
    const pairs = Array.from({ length: 6 }, () => ({ old: [micros('W7 CPU, x', 0)], new: [micros('W7 CPU, x', 1)] }))
    expect(compare('W7', pairs)[0]).toMatchObject({ ratio: undefined, verdict: 'unknown' })
  })
})

describe('pairs are enough', () => {
  const enough = (ratios: readonly number[]): boolean => areEnough(ratios.length, compare('W7', pairsOf(ratios)))

  it('when the range of what decides lies within 3% of its median', () => {
    expect(enough([0.98, 0.99, 1, 1, 1.01, 1.02])).toBe(true)
    expect(enough([0.95, 0.99, 1, 1, 1.01, 1.02])).toBe(false)
  })

  it('however far the rates range', () => {
    const [first] = compare('W7', pairsOf([1, 1, 1, 1, 1, 1]))
    expect(first).toMatchObject({ figure: 'W7', decides: false })
    expect(first!.range!.high / first!.range!.low).toBeGreaterThan(1.1)
    expect(enough([1, 1, 1, 1, 1, 1])).toBe(true)
  })

  it('not before six, and only when each build was first as often', () => {
    expect(enough([1, 1, 1, 1, 1])).toBe(false)
    expect(enough([1, 1, 1, 1, 1, 1, 1])).toBe(false)
    expect(enough([1, 1, 1, 1, 1, 1, 1, 1])).toBe(true)
  })

  it('not where nothing can be compared', () => {
    expect(areEnough(6, [])).toBe(false)
  })
})
