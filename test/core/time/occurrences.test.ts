/**
 * Two referees. croner is the second library: it knows cron and zones on its own, but has its own policy where the
 * clock is set, so each comparison says which policy of ours it is. `minuteByMinute` is slow and simple: it looks at
 * what the clock on the wall shows in each minute, through Intl alone, and so knows what each policy must give.
 */
import { Cron } from 'croner'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DstGapPolicy, DstOverlapPolicy } from '../../../core/job/schedulePolicies.js'
import { lastOccurrence, nextOccurrence, occurrences, occurrencesUntil } from '../../../core/time/occurrences.js'
import { occurrenceRule, type ScheduleRule } from '../../../core/time/scheduleRule.js'
import { runs } from '../../support/effort.js'
import { changesOf, minuteByMinute, wallClock } from './wallClock.js'

/**
 * With summer time in both halves of the world, at midnight, by half an hour, and in Ramadan; and without, by half and
 * quarter hours.
 */
const zones = [
  'America/New_York',
  'Europe/Berlin',
  'Europe/London',
  'America/St_Johns',
  'America/Santiago',
  'America/Havana',
  'Africa/Casablanca',
  'Asia/Beirut',
  'Australia/Lord_Howe',
  'Pacific/Chatham',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'UTC',
]

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const since = new Date('2020-01-01T00:00:00Z')
const ruleOf = (rule: ScheduleRule) => occurrenceRule(rule, { id: 'test', since })
const take = (rule: ScheduleRule, after: Date, count: number): Date[] => {
  const found: Date[] = []
  for (const occurrence of occurrences(ruleOf(rule), after)) {
    found.push(occurrence)
    if (found.length === count) break
  }
  return found
}
const isoOccurrences = (rule: ScheduleRule, from: string, count: number) =>
  take(rule, new Date(Date.parse(from) - 1), count).map((occurrence) =>
    occurrence.toISOString().replace(':00.000Z', 'Z'),
  )

const moment = fc.date({ min: new Date('2021-01-01'), max: new Date('2033-01-01'), noInvalidDate: true })

describe('at a gap, a local time that does not exist', () => {
  const daily = { cron: '30 2 * * *', timezone: 'Europe/Berlin' }

  it('fires after it by default, when it would have come had the clock not been set', () => {
    expect(isoOccurrences(daily, '2027-03-27T00:00Z', 3)).toEqual([
      '2027-03-27T01:30Z',
      '2027-03-28T01:30Z', // 03:30 there
      '2027-03-29T00:30Z',
    ])
  })

  it("makes no occurrence with 'skip'", () => {
    expect(isoOccurrences({ ...daily, dstGap: 'skip' }, '2027-03-27T00:00Z', 3)).toEqual([
      '2027-03-27T01:30Z',
      '2027-03-29T00:30Z',
      '2027-03-30T00:30Z',
    ])
  })

  it('is one occurrence with the regular one it meets, and keeps its distance to others', () => {
    const cron = '0,30 2,3 * * *'
    expect(isoOccurrences({ cron, timezone: 'Europe/Berlin' }, '2027-03-28T00:00Z', 3)).toEqual([
      '2027-03-28T01:00Z',
      '2027-03-28T01:30Z',
      '2027-03-29T00:00Z',
    ])
    expect(isoOccurrences({ cron: '15 2 * * *', timezone: 'Australia/Lord_Howe' }, '2027-10-02T12:00Z', 1)).toEqual([
      '2027-10-02T15:45Z', // 02:45 there: the gap is half an hour
    ])
  })

  it('may be a whole day', () => {
    // Samoa went from the 29th to the 31st of December 2011
    const rule = { timezone: 'Pacific/Apia', cron: '0 12 30 12 *' }
    expect(isoOccurrences(rule, '2011-12-01T00:00Z', 2)).toEqual(['2011-12-30T22:00Z', '2012-12-29T22:00Z'])
    expect(isoOccurrences({ ...rule, dstGap: 'skip' }, '2011-12-01T00:00Z', 1)).toEqual(['2012-12-29T22:00Z'])
    expect(isoOccurrences({ ...rule, cron: '0 12 * * *' }, '2011-12-29T00:00Z', 3)).toEqual([
      '2011-12-29T22:00Z',
      '2011-12-30T22:00Z', // the 31st, and the 30th with it
      '2011-12-31T22:00Z',
    ])
  })
})

describe('at an overlap, a local time that comes twice', () => {
  it('fires the first time by default where the rule names hours', () => {
    const rule = { cron: '30 2 * * *', timezone: 'Europe/Berlin' }
    expect(isoOccurrences(rule, '2027-10-31T00:00Z', 2)).toEqual(['2027-10-31T00:30Z', '2027-11-01T01:30Z'])
    expect(isoOccurrences({ ...rule, dstOverlap: 'both' }, '2027-10-31T00:00Z', 3)).toEqual([
      '2027-10-31T00:30Z',
      '2027-10-31T01:30Z',
      '2027-11-01T01:30Z',
    ])
  })

  it('fires both times by default where the rule fires in every hour, and once where that is asked for', () => {
    const rule = { cron: '*/30 * * * *', timezone: 'Europe/Berlin' }
    const both = ['2027-10-31T00:30Z', '2027-10-31T01:00Z', '2027-10-31T01:30Z', '2027-10-31T02:00Z']
    expect(isoOccurrences(rule, '2027-10-31T00:30Z', 4)).toEqual(both)
    expect(isoOccurrences({ ...rule, dstOverlap: 'first' }, '2027-10-31T00:30Z', 2)).toEqual([both[0], both[3]])
  })

  it('may be half an hour', () => {
    const rule = { cron: '45 1 * * *', timezone: 'Australia/Lord_Howe' }
    expect(isoOccurrences(rule, '2027-04-03T12:00Z', 2)).toEqual(['2027-04-03T14:45Z', '2027-04-04T15:15Z'])
    expect(isoOccurrences({ ...rule, dstOverlap: 'both' }, '2027-04-03T12:00Z', 2)).toEqual([
      '2027-04-03T14:45Z',
      '2027-04-03T15:15Z',
    ])
  })
})

describe('occurrences', () => {
  it.each([
    ['29 February', '0 12 29 2 *', 'Europe/Berlin', ['2028-02-29T11:00Z', '2032-02-29T11:00Z', '2036-02-29T11:00Z']],
    ['the last day of each month', '0 0 L * *', 'UTC', ['2027-01-31T00:00Z', '2027-02-28T00:00Z', '2027-03-31T00:00Z']],
    ['the 31st', '0 0 31 * *', 'UTC', ['2027-01-31T00:00Z', '2027-03-31T00:00Z', '2027-05-31T00:00Z']],
    ['the last Friday', '0 9 * * 5L', 'UTC', ['2027-01-29T09:00Z', '2027-02-26T09:00Z', '2027-03-26T09:00Z']],
    ['the second Monday', '0 9 * * 1#2', 'UTC', ['2027-01-11T09:00Z', '2027-02-08T09:00Z', '2027-03-08T09:00Z']],
    ['a fifth Monday in February', '0 0 * 2 1#5', 'UTC', ['2044-02-29T00:00Z', '2072-02-29T00:00Z']],
    ['a zone of half an hour', '0 9 * * *', 'Asia/Kolkata', ['2027-01-01T03:30Z', '2027-01-02T03:30Z']],
    ['a zone of three quarters', '0 9 * * *', 'Asia/Kathmandu', ['2027-01-01T03:15Z', '2027-01-02T03:15Z']],
    ['a nickname', '@weekly', 'UTC', ['2027-01-03T00:00Z', '2027-01-10T00:00Z']],
  ])('of %s', (_what, cron, timezone, expected) => {
    expect(isoOccurrences({ cron, timezone }, '2027-01-01T00:00Z', expected.length)).toEqual(expected)
  })

  it('may name seconds', () => {
    const found = take({ cron: '*/20 59 23 * * *' }, new Date('2027-01-01T00:00:00Z'), 4)
    expect(found.map((occurrence) => occurrence.toISOString().slice(8, 19))).toEqual([
      '01T23:59:00',
      '01T23:59:20',
      '01T23:59:40',
      '02T23:59:00',
    ])
  })

  it('follow one another, and the last one is the one that is followed by a later one', () => {
    const cron = fc.constantFrom('* * * * *', '*/7 * * * *', '0 9 * * 1-5', '30 2 * * *', '0 0 1 * *', '0 0 29 2 *')
    const spread = fc.constantFrom(undefined, '10m' as const)
    fc.assert(
      fc.property(cron, fc.constantFrom(...zones), spread, moment, (cron, timezone, spread, from) => {
        const rule = ruleOf({ cron, timezone, spread })
        const first = nextOccurrence(rule, from)!
        const second = nextOccurrence(rule, first)!
        expect(first.getTime()).toBeGreaterThan(from.getTime())
        expect(second.getTime()).toBeGreaterThan(first.getTime())
        expect(lastOccurrence(rule, from, new Date(second.getTime() - 1))).toEqual(first)
        expect(lastOccurrence(rule, from, second)).toEqual(second)
        expect(lastOccurrence(rule, first, first)).toBeUndefined()
        expect(occurrencesUntil(rule, from, second, 10)).toEqual([first, second])
      }),
      { numRuns: runs(40) },
    )
  })
})

describe('every', () => {
  it('fires at whole multiples after the schedule was made, whatever is asked and whenever', () => {
    const rule = ruleOf({ every: '7m' })
    fc.assert(
      fc.property(moment, (from) => {
        const next = nextOccurrence(rule, from)!
        expect((next.getTime() - since.getTime()) % (7 * minuteMs)).toBe(0)
        expect(next.getTime() - from.getTime()).toBeGreaterThan(0)
        expect(next.getTime() - from.getTime()).toBeLessThanOrEqual(7 * minuteMs)
      }),
    )
    expect(nextOccurrence(rule, since)).toEqual(new Date(since.getTime() + 7 * minuteMs))
    expect(nextOccurrence(rule, new Date(0))).toEqual(new Date(since.getTime() + 7 * minuteMs))
  })
})

describe('spread', () => {
  const rule = { cron: '0 0 * * *', timezone: 'Europe/Berlin', spread: '1h' } as const
  const plain = ruleOf({ ...rule, spread: undefined })
  const offsetOf = (id: string) => (occurrenceRule(rule, { id, since }) as { offsetMs: number }).offsetMs

  it('moves all occurrences of a schedule by the same part of the window', () => {
    const own = occurrenceRule(rule, { id: 'nightly', since })
    const from = new Date('2027-03-20T12:00:00Z')
    const until = new Date('2027-04-10T12:00:00Z')
    const moved = occurrencesUntil(own, from, until, 100)
    const base = occurrencesUntil(plain, from, until, 100)
    expect(moved.map((occurrence) => occurrence.getTime() - offsetOf('nightly'))).toEqual(base.map(Number))
    expect(occurrenceRule(rule, { id: 'nightly', since })).toEqual(own)
  })

  it('spreads schedules evenly over the window, also where their ids are alike', () => {
    const counts = Array.from({ length: 12 }, () => 0)
    for (let n = 0; n < 1_200; n++) {
      const offsetMs = offsetOf(`code:shop.sync${n}`)
      expect(offsetMs).toBeGreaterThanOrEqual(0)
      expect(offsetMs).toBeLessThan(hourMs)
      expect(offsetMs % 1_000).toBe(0)
      counts[Math.floor(offsetMs / (5 * minuteMs))]!++
    }
    expect(Math.min(...counts)).toBeGreaterThan(60)
    expect(Math.max(...counts)).toBeLessThan(150)
  })
})

describe('minute by minute, occurrences are what the clock on the wall says', () => {
  const minutes = ['0', '30', '7', '*/15', '*', '59'] as const
  const hours = ['*', '0', '1', '2', '2,3', '0-4', '*/2', '23'] as const
  const policies = fc.record({
    dstGap: fc.constantFrom<DstGapPolicy>('skip', 'after'),
    dstOverlap: fc.constantFrom<DstOverlapPolicy>('first', 'both'),
  })

  it.each(zones)('in %s, two days around each change of the clock', (timezone) => {
    const changes = changesOf(timezone, 2026, 2028)
    const places = changes.length > 0 ? changes : [new Date('2027-03-28T01:00:00Z')]
    const clock = wallClock(timezone)
    const rules = fc.tuple(fc.constantFrom(...minutes), fc.constantFrom(...hours), policies)
    fc.assert(
      fc.property(rules, fc.constantFrom(...places), ([minute, hour, policy], change) => {
        const from = new Date(change.getTime() - dayMs)
        const until = new Date(change.getTime() + dayMs)
        const rule = { cron: `${minute} ${hour} * * *`, timezone, ...policy }
        expect(occurrencesUntil(ruleOf(rule), from, until, 10_000)).toEqual(
          minuteByMinute({ minute, hour, ...policy }, clock, from, until),
        )
      }),
      { numRuns: runs(20) },
    )
  })

  it('in Samoa, on the day that was left out', () => {
    const change = new Date('2011-12-30T10:00:00Z')
    const from = new Date(change.getTime() - 2 * dayMs)
    const until = new Date(change.getTime() + 2 * dayMs)
    const clock = wallClock('Pacific/Apia')
    for (const dstGap of ['skip', 'after'] as const) {
      const rule = { cron: '30 */6 * * *', timezone: 'Pacific/Apia', dstGap, dstOverlap: 'first' as const }
      expect(occurrencesUntil(ruleOf(rule), from, until, 100)).toEqual(
        minuteByMinute({ minute: '30', hour: '*/6', dstGap, dstOverlap: 'first' }, clock, from, until),
      )
    }
  })
})

describe('by croner', () => {
  const minute = fc.constantFrom('0', '15', '*/20', '5-10', '0,30', '*', '59')
  const hour = fc.constantFrom('*', '0', '2', '1-3', '*/3', '9,17', '23')
  const days = fc.constantFrom(
    '* * *',
    '1 * *',
    '31 * *',
    'L * *',
    '29 2 *',
    '* 3,10 *',
    '* * 0',
    '15 * 1',
    '* * 1-5',
    '* * 1#2',
  )
  const zone = fc.constantFrom(...zones)
  const crons = fc.tuple(minute, hour, days).map((fields) => fields.join(' '))
  const byCroner = (cron: string, timezone: string, after: Date, count: number) =>
    new Cron(cron, { timezone, paused: true }).nextRuns(count, after)

  it("rules for intervals fire alike: croner's policy for them is ours of dstGap 'skip' and dstOverlap 'both'", () => {
    // croner takes a rule of one minute and one hour for a time of the day
    const intervals = crons.filter((cron) => !/^\d+ \d+ /.test(cron))
    fc.assert(
      fc.property(intervals, zone, moment, (cron, timezone, after) => {
        const ours = take({ cron, timezone, dstGap: 'skip', dstOverlap: 'both' }, after, 30)
        expect(ours).toEqual(byCroner(cron, timezone, after, 30))
      }),
      { numRuns: runs(40) },
    )
  })

  it("rules for a time of the day fire alike with dstOverlap 'first'; in a gap croner fires at its end, and ours as long after as it began before", () => {
    const times = fc
      .tuple(fc.constantFrom(0, 15, 30, 59), fc.constantFrom(0, 1, 2, 3, 12, 23), days)
      .map(([minute, hour, days]) => ({ cron: `${minute} ${hour} ${days}`, shown: [hour, minute] }))
    fc.assert(
      fc.property(times, zone, moment, ({ cron, shown }, timezone, after) => {
        const clock = wallClock(timezone)
        const isShown = (occurrence: Date) => {
          const { hour, minute } = clock(occurrence)
          return hour === shown[0] && minute === shown[1]
        }
        const theirs = byCroner(cron, timezone, after, 20)
        const existing = theirs.filter(isShown)
        expect(take({ cron, timezone, dstGap: 'skip' }, after, existing.length)).toEqual(existing)
        // what is moved at one end of the row may be beyond it in the other
        const inside = (occurrence: Date) =>
          occurrence.getTime() - after.getTime() > 2 * hourMs && occurrence < existing.at(-1)!
        const moved = take({ cron, timezone }, after, 20).filter(
          (occurrence) => !isShown(occurrence) && inside(occurrence),
        )
        const movedByCroner = theirs.filter((occurrence) => !isShown(occurrence) && inside(occurrence))
        expect(moved.length).toBe(movedByCroner.length)
        moved.forEach((occurrence, index) => {
          const afterGapMs = occurrence.getTime() - movedByCroner[index]!.getTime()
          expect(afterGapMs).toBeGreaterThanOrEqual(0)
          expect(afterGapMs).toBeLessThan(hourMs)
        })
      }),
      { numRuns: runs(25) },
    )
  })

  it('29 February and the ends of months come on the same days for years', () => {
    for (const timezone of ['Europe/Berlin', 'Australia/Lord_Howe', 'America/St_Johns']) {
      for (const cron of ['0 12 29 2 *', '0 12 L * *', '30 6 31 * *', '0 12 30 * *', '0 12 L 2 *', '15 23 28-31 * *']) {
        const after = new Date('2024-02-29T00:00:00Z')
        const count = cron.includes(' 2 ') ? 3 : 40
        expect(take({ cron, timezone }, after, count)).toEqual(byCroner(cron, timezone, after, count))
      }
    }
  })

  it('seconds are counted alike', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('*/7 * * * * *', '30 59 * * * *', '0,1,59 */10 1-3 * * *'),
        zone,
        moment,
        (cron, timezone, after) => {
          const ours = take({ cron, timezone, dstGap: 'skip', dstOverlap: 'both' }, after, 200)
          expect(ours).toEqual(byCroner(cron, timezone, after, 200))
        },
      ),
      { numRuns: runs(20) },
    )
  })
})
