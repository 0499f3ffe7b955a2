import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { backoffMs, defaultBackoff, type Backoff } from '../../../core/job/backoff.js'
import { policyProblems, readContract } from '../../../core/job/contract.js'
import { durationMs, formatDuration, maxDurationMs, parseDuration, type Duration } from '../../../core/time/duration.js'
import { defineJob } from '../../../core/index.js'
import { nearestName } from '../../../core/nearest.js'
import { decodePayload, encodePayload } from '../../../core/payload/payload.js'
import { nested } from '../../support/nested.js'
import { runs } from '../../support/effort.js'

const failure = { name: 'Error', message: 'no' }
const unit = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['1.5h', 5_400_000],
    ['0s', 0],
  ] as const)('reads %s', (text, ms) => expect(durationMs(text)).toBe(ms))

  it.each(['', '5', '5 m', '-1s', '1w', 's', '1e3s', 'Infinityd', '99999999d', 30, null, undefined])(
    'refuses %j',
    (text) => {
      expect(parseDuration(text)).toBeUndefined()
      expect(() => durationMs(text as Duration)).toThrow('is not a duration')
    },
  )

  it('reads whatever the type lets through, to the millisecond', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 36_000 }), fc.constantFrom('ms', 's', 'm', 'h', 'd'), (count, name) => {
        const ms = parseDuration(`${count}${name}`)!
        expect(Number.isInteger(ms) && ms >= 0 && ms <= maxDurationMs).toBe(true)
      }),
    )
  })

  it('writes them for people', () => {
    expect([20, 1_000, 90_000, 3_600_000, 90_061_000].map(formatDuration)).toEqual([
      '20ms',
      '1s',
      '1m 30s',
      '1h',
      '1d 1h',
    ])
  })
})

describe('backoff', () => {
  it('stays between half of the wait and its maximum, and never falls before the jitter', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), unit, (attempt, random) => {
        const wait = backoffMs(defaultBackoff, attempt, failure, () => random)
        expect(wait).toBeGreaterThanOrEqual(500)
        expect(wait).toBeLessThanOrEqual(3_600_000)
      }),
    )
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), (attempt) => {
        const without: Backoff = { kind: 'exponential', base: '1s', max: '1h', jitter: false }
        const [one, next] = [attempt, attempt + 1].map((n) => backoffMs(without, n, failure, () => 0))
        expect(next).toBeGreaterThanOrEqual(one!)
      }),
    )
  })

  it.each([
    ['fixed', { kind: 'fixed', delay: '3s' }, [3_000, 3_000, 3_000, 3_000]],
    ['linear', { kind: 'linear', step: '2s', max: '5s' }, [2_000, 4_000, 5_000, 5_000]],
    ['exponential', { kind: 'exponential', base: '1s', max: '6s', jitter: false }, [1_000, 2_000, 4_000, 6_000]],
    ['a list, whose last wait repeats', ['1s', '9s'], [1_000, 9_000, 9_000, 9_000]],
    [
      'a function of attempt and error',
      (n: number, e: { message: string }) => `${n * e.message.length}s`,
      [2_000, 4_000, 6_000, 8_000],
    ],
  ] as [string, Backoff, number[]][])('%s', (_, backoff, waits) => {
    expect([1, 2, 3, 4].map((attempt) => backoffMs(backoff, attempt, failure, () => 0))).toEqual(waits)
  })

  it('falls back to the default when a function of the user fails', () => {
    const broken: Backoff[] = [
      () => {
        throw new Error('oops')
      },
      () => 'soon' as Duration,
    ]
    for (const backoff of broken) expect(backoffMs(backoff, 1, failure, () => 0)).toBe(500)
  })
})

describe('contracts', () => {
  const args = z.object({})

  it('get their defaults', () => {
    expect(readContract('a', { args })).toMatchObject({
      version: 1,
      maxAttempts: 5,
      timeoutMs: 30_000,
      maxRuntimeMs: 86_400_000,
      priority: 0,
      throttle: undefined,
      receipt: 'answered',
      keepMs: { succeeded: 86_400_000, failed: 30 * 86_400_000 },
    })
    expect(readContract('a', { args, throttle: { limit: 4, per: '1s' } }).throttle).toMatchObject({
      intervalMs: 250,
      burst: 4,
    })
  })

  it('name every policy that cannot work, each by its path', () => {
    const bad = {
      args,
      version: 1.5,
      migrate: 'later',
      timeout: '30',
      maxRuntime: '0s',
      retry: { attempts: 0, backoff: { kind: 'exponential', base: 'x' } },
      throttle: { limit: 0.5, per: '0s', key: 'shop' },
      priority: 5_000,
      schedule: { cron: '61 * * * *', timezone: 'Nowhere' },
      keep: { succeeded: 1 },
      receipt: 'maybe',
      colour: 'red',
    }
    expect(
      policyProblems(bad as never)
        .map(({ path }) => path.join('.'))
        .toSorted(),
    ).toEqual([
      'colour',
      'keep.succeeded',
      'maxRuntime',
      'migrate',
      'priority',
      'receipt',
      'retry.attempts',
      'retry.backoff.base',
      'schedule.cron',
      'schedule.timezone',
      'throttle.key',
      'throttle.limit',
      'throttle.per',
      'timeout',
      'version',
    ])
    expect(readContract('a', { args, timeout: '2d' }).maxRuntimeMs).toBe(2 * 86_400_000)
    expect(policyProblems({ args, timeout: '1m', maxRuntime: '59s' })).toEqual([
      { path: ['maxRuntime'], message: 'must not be shorter than the timeout, 1m.' },
    ])
    expect(policyProblems({ args, timeout: '1m', maxRuntime: '1m' })).toEqual([])
    expect(policyProblems({ args, schedule: { every: '1h', args: nested(101) } })).toMatchObject([
      { path: ['schedule', 'args'], message: expect.stringContaining('100 levels') as string },
    ])
    expect(policyProblems({ args, migrate: () => ({}) })).toEqual([
      { path: ['migrate'], message: 'is never called, because there is no version before 1. Raise `version`.' },
    ])
  })

  it.each([
    [{ retry: null }, 'retry', /must be an object with: attempts, backoff, budget\.$/],
    [{ concurrency: 5 }, 'concurrency', /must be an object with: limit, key\.$/],
    [{ schedule: '0 9 * * *' }, 'schedule', /^must be an object with: cron, every, /],
    [{ retry: { backoff: '10s' } }, 'retry.backoff', /^must be a policy such as /],
    [{ retry: { backoff: { kind: 'fast' } } }, 'retry.backoff.kind', /must be 'fixed', 'linear' or 'exponential'\.$/],
    [{ retry: { backoff: { kind: 'fixed' } } }, 'retry.backoff.delay', /is missing\. It takes a duration\.$/],
    [{ retry: { backoff: ['1s', 'x'] } }, 'retry.backoff.1', /^"x" is not a duration/],
    [{ unique: {} }, 'unique.key', /is missing\. It takes a function of the args\.$/],
    [{ unique: { key: String, until: 'done' } }, 'unique.until', /^"done" is not a duration/],
    [{ unique: { key: String, onConflict: 'x' } }, 'unique.onConflict', /^must be one of 'return', /],
    [{ throttle: { limit: 1 } }, 'throttle.per', /is missing\. It takes a duration\.$/],
    [{ migrate: 5, version: 2 }, 'migrate', /must be a function of the old args and their version\.$/],
    [{ keep: [] }, 'keep', /must be an object with: succeeded, failed, cancelled\.$/],
  ])('say of %j what is wanted', (options, path, message) => {
    expect(
      policyProblems({ args, ...options } as never).map((problem) => [problem.path.join('.'), problem.message]),
    ).toEqual([[path, expect.stringMatching(message) as string]])
  })

  it('are typed: a bare number is no duration, and run gets the output of the schema', () => {
    const job = defineJob({
      args: z.object({ at: z.string().transform((text) => new Date(text)) }),
      // @ts-expect-error a duration has a unit
      timeout: 30,
      throttle: { limit: 1, per: '1s', key: (args) => args.at.toISOString() },
      run: ({ at }) => at.getTime(),
    })
    // @ts-expect-error the input of args must be an object
    defineJob({ args: z.string(), run: () => null })
    expect(job.timeout).toBe(30)
  })
})

describe('payloads', () => {
  it('keep what JSON cannot say, in a meta beside it', () => {
    const value = { at: new Date(0), ids: new Set([1n]), map: new Map([['a', undefined]]), plain: [1, 'x', null] }
    expect(decodePayload(encodePayload(value))).toEqual(value)
    expect(encodePayload({ plain: true })).toEqual({ json: '{"plain":true}' })
  })

  it('come back as they were, whatever JSON they are', () => {
    const json = fc.jsonValue().filter((value) => !/"(__proto__|constructor|prototype)":/.test(JSON.stringify(value)))
    fc.assert(
      fc.property(json, (value) => {
        expect(decodePayload(encodePayload(value))).toStrictEqual(value)
      }),
      { numRuns: runs(1_000) },
    )
  })

  it('refuse keys that could change every object of a careless reader', () => {
    for (const key of ['__proto__', 'constructor', 'prototype']) {
      expect(() => encodePayload(JSON.parse(`{"a":[{"${key}":{"admin":true}}]}`))).toThrow(key)
    }
  })
})

describe('the nearest name', () => {
  const known = ['mail.send', 'shop.syncOrder', 'report.daily']
  it.each([
    ['mail.sned', 'mail.send'],
    ['Shop.SyncOrder', 'shop.syncOrder'],
    ['send', 'mail.send'],
    ['something.else.altogether', undefined],
  ])('to %s is %s', (name, nearest) => expect(nearestName(name, known)).toBe(nearest))
})
