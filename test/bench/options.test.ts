import { describe, expect, it } from 'vitest'
import { readOptions, UsageError } from '../../bench/options.js'

describe('--against', () => {
  it('compares the workloads that count the processor, in at most 30 pairs', () => {
    const { against, workloads } = readOptions(['--against', 'main'])
    expect(against).toEqual({ commit: 'main', pairs: 30, minutes: undefined, options: [] })
    expect(workloads).toEqual(['W1', 'W2', 'W4', 'W7'])
  })

  it('takes other workloads and bounds, and tells both benches how to measure', () => {
    const args = '--against main --workload W7 --pairs 6 --minutes 20 --quick --jobs 500'.split(' ')
    expect(readOptions(args)).toMatchObject({
      workloads: ['W7'],
      against: { pairs: 6, minutes: 20, options: ['--quick', '--jobs', '500'] },
    })
  })

  it('does not go with what is for one build', () => {
    for (const other of ['--check', '--publish', '--peer=agenda', '--runs=3']) {
      expect(() => readOptions(['--against', 'main', other])).toThrow(UsageError)
    }
  })

  it('has its bounds to itself', () => {
    expect(() => readOptions(['--pairs', '6'])).toThrow('--pairs goes with --against.')
    expect(() => readOptions(['--minutes', '6'])).toThrow('--minutes goes with --against.')
  })
})
