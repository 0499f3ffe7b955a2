import { describe, expect, it } from 'vitest'
import * as fc from 'fast-check'
import { dueOccurrences, mostOccurrencesAtOnce } from '../../../core/time/dueOccurrences.js'
import { missedPolicies } from '../../../core/job/schedulePolicies.js'
import { occurrenceRule } from '../../../core/time/scheduleRule.js'

const since = new Date('2030-01-01T00:00:00Z')
const at = (text: string) => new Date(`2030-01-01T${text}Z`)
const ruleOf = (cron: string) => occurrenceRule({ cron }, { id: 'a', since })
const fiveMinutes = ruleOf('*/5 * * * *')

describe('of the occurrences that are due', () => {
  it.each([
    ['last', ['01:00:00']],
    ['skip', []],
    ['all', ['00:50:00', '00:55:00', '01:00:00']],
  ] as const)("after downtime '%s' makes %j", (missed, expected) => {
    const { occurrences, nextRunAt } = dueOccurrences(fiveMinutes, missed, at('00:50:00'), at('01:02:00'))
    expect(occurrences).toEqual(expected.map(at))
    expect(nextRunAt).toEqual(at('01:05:00'))
  })

  it.each([
    ['last', ['01:00:00']],
    ['skip', ['01:00:00']],
    ['all', ['00:55:00', '01:00:00']],
  ] as const)("where an occurrence is on time after others were missed '%s' makes %j", (missed, expected) => {
    expect(dueOccurrences(fiveMinutes, missed, at('00:55:00'), at('01:01:00')).occurrences).toEqual(expected.map(at))
  })

  it('none is lost within a minute, whatever the policy, however many there are', () => {
    const everySecond = ruleOf('* * * * * *')
    for (const missed of missedPolicies) {
      const { occurrences, leftOut } = dueOccurrences(everySecond, missed, at('00:00:10'), at('00:00:13'))
      expect({ occurrences: occurrences.length, leftOut }).toEqual({ occurrences: 4, leftOut: false })
    }
  })

  it.each(['last', 'skip'] as const)(
    "none is missed where somebody was there when it fell due, though '%s'",
    (missed) => {
      const late = dueOccurrences(fiveMinutes, missed, at('00:50:00'), at('01:02:00'), at('00:40:00'))
      expect(late.occurrences).toEqual(['00:50:00', '00:55:00', '01:00:00'].map(at))
      expect(late.leftOut).toBe(false)
      const sinceThen = dueOccurrences(fiveMinutes, missed, at('00:50:00'), at('01:02:00'), at('00:52:00'))
      expect(sinceThen.occurrences).toEqual(['00:55:00', '01:00:00'].map(at))
    },
  )

  it("'all' makes each once, a thousand at a time", () => {
    const minutely = ruleOf('* * * * *')
    const now = new Date(since.getTime() + 2_500 * 60_000)
    const rounds: Date[][] = []
    let first: Date | null = at('00:01:00')
    while (first && first <= now) {
      const due = dueOccurrences(minutely, 'all', first, now)
      rounds.push(due.occurrences)
      first = due.nextRunAt
    }
    expect(rounds.map(({ length }) => length)).toEqual([mostOccurrencesAtOnce, mostOccurrencesAtOnce, 500])
    expect(new Set(rounds.flat().map(Number)).size).toBe(2_500)
  })

  it('go on after the last of them, in order, and say when some were left out', () => {
    const policy = fc.constantFrom(...missedPolicies)
    fc.assert(
      fc.property(policy, fc.integer({ min: 0, max: 7_200_000 }), (missed, lateMs) => {
        const first = at('00:05:00')
        const now = new Date(first.getTime() + lateMs)
        const { occurrences, nextRunAt, leftOut } = dueOccurrences(fiveMinutes, missed, first, now)
        const due = Math.floor(lateMs / 300_000) + 1
        expect(nextRunAt!.getTime()).toBeGreaterThan(now.getTime())
        expect(nextRunAt!.getTime() - now.getTime()).toBeLessThanOrEqual(300_000)
        expect(leftOut).toBe(occurrences.length < due)
        expect(occurrences).toEqual(occurrences.toSorted((a, b) => a.getTime() - b.getTime()))
        for (const occurrence of occurrences) expect(occurrence <= now).toBe(true)
      }),
    )
  })
})
