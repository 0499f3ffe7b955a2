import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { policyProblems, readContract } from '../../../core/job/contract.js'
import { checkRule, ruleProblems, withDefaults } from '../../../core/time/scheduleRule.js'

const args = z.object({})
const cron = '0 9 * * *'

describe('the rule of a schedule', () => {
  it.each([
    ['nothing', {}, ['cron']],
    ['both rhythms', { cron, every: '1m' }, ['every']],
    ['a cron expression of four fields', { cron: '9 * * *' }, ['cron']],
    ['a cron expression that is no text', { cron: 9 }, ['cron']],
    ['a cron expression with an H', { cron: '0 H(1-5) * * *' }, ['cron']],
    ['a number for a duration', { every: 10 }, ['every']],
    ['an interval below a second', { every: '10ms' }, ['every']],
    [
      'everything wrong',
      { cron: 'x', timezone: 'y', dstGap: 1, dstOverlap: 'z', spread: '0s', missed: '', overlap: null },
      ['cron', 'timezone', 'dstGap', 'dstOverlap', 'spread', 'missed', 'overlap'],
    ],
    ['Thursdays in March', { cron: '0 9 * MAR THU' }, []],
    ['a nickname', { cron: '@daily' }, []],
    [
      'everything right',
      { cron, timezone: 'UTC', dstGap: 'skip', dstOverlap: 'both', missed: 'all', overlap: 'queue' },
      [],
    ],
  ])('is told what is wrong with %s', (_what, rule, expected) => {
    expect(ruleProblems(rule).map(({ field }) => field)).toEqual(expected)
  })

  it('is refused in sentences that name the field', () => {
    expect(() => checkRule({ cron, dstGap: 'jump', spread: '1ms' })).toThrow(
      "dstGap must be 'skip' or 'after'. spread must be at least '1s'.",
    )
  })

  it('tells overlapping runs from a local time that comes twice', () => {
    expect(() => checkRule({ cron, overlap: 'both' })).toThrow(
      "overlap is for runs that overlap; 'both' is a value of dstOverlap.",
    )
  })

  it('has defaults, of which dstOverlap follows from what the expression means', () => {
    expect(withDefaults({ cron })).toEqual({
      cron,
      timezone: 'UTC',
      dstGap: 'after',
      dstOverlap: 'first',
      missed: 'last',
      overlap: 'allow',
    })
    expect(withDefaults({ cron: '*/5 * * * *' }).dstOverlap).toBe('both')
    expect(withDefaults({ cron: '*/5 0-23 * * *' }).dstOverlap).toBe('both')
    expect(withDefaults({ cron: '*/5 */2 * * *' }).dstOverlap).toBe('first')
    expect(withDefaults({ cron: '*/5 * * * *', dstOverlap: 'first' }).dstOverlap).toBe('first')
  })

  it('is checked in defineJob, with args and priority beside it', () => {
    const problems = (schedule: object) =>
      policyProblems({ args, schedule } as never).map(({ path, message }) => `${path.join('.')} ${message}`)
    expect(problems({ cron, timezone: 'Europe/Berlin', args: {}, priority: 5, spread: '10m' })).toEqual([])
    expect(problems({ every: '1m', dstGap: 'jump', priority: 2_000, jitter: true })).toEqual([
      'schedule.priority must be a whole number from -1000 to 1000.',
      expect.stringMatching(/^schedule\.jitter is no option\. Known here: cron, every, timezone, /),
      "schedule.dstGap must be 'skip' or 'after'.",
    ])
    expect(readContract('a', { args, schedule: { every: '10m', overlap: 'skip' } }).schedule).toEqual({
      rule: { every: '10m', overlap: 'skip' },
      args: {},
      priority: undefined,
    })
  })

  it('is typed: one rhythm, known words, durations with a unit', () => {
    const run = () => null
    defineJob({ args, schedule: { every: '10m', missed: 'all' }, run })
    // @ts-expect-error one of cron and every
    defineJob({ args, schedule: { timezone: 'UTC' }, run })
    // @ts-expect-error not both
    defineJob({ args, schedule: { cron, every: '10m' }, run })
    // @ts-expect-error an unknown word
    defineJob({ args, schedule: { cron, dstGap: 'jump' }, run })
    // @ts-expect-error a duration has a unit
    defineJob({ args, schedule: { every: 10 }, run })
    expect(defineJob({ args, schedule: { cron }, run }).schedule).toEqual({ cron })
  })
})
