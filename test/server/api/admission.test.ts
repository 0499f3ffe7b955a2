import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { retryAfter } from '../../../server/api/admission.js'
import { createIntake } from '../../../server/api/intake.js'
import { manualClock } from '../../support/clock.js'
import type { WriteLane, Place } from '../../../server/deps.js'

const bounds = { jobs: 40, bytes: 40_000 }
/** As large as a request may be in these tests. */
const largest = { jobs: 100, bytes: 100_000 }

type Step =
  | { do: 'enter'; lane: WriteLane; bytes: number | undefined }
  | { do: 'grow'; which: number; bytes: number }
  | { do: 'count'; which: number; jobs: number }
  | { do: 'leave'; which: number }

const which = fc.nat(30)
const bytes = fc.integer({ min: 0, max: largest.bytes })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('enter' as const),
    lane: fc.constantFrom<WriteLane>('single', 'bulk'),
    bytes: fc.option(bytes, { nil: undefined }),
  }),
  fc.record({ do: fc.constant('grow' as const), which, bytes }),
  fc.record({ do: fc.constant('count' as const), which, jobs: fc.integer({ min: 0, max: largest.jobs }) }),
  fc.record({ do: fc.constant('leave' as const), which }),
)

interface Inside {
  lane: WriteLane
  place: Place
}

function take(intake: ReturnType<typeof createIntake>, inside: Inside[], step: Step): void {
  if (step.do === 'enter') {
    inside.push({ lane: step.lane, place: intake.enter(step.lane, step.bytes) })
    return
  }
  const at = step.which % Math.max(1, inside.length)
  const found = inside[at]
  if (!found) return
  if (step.do === 'grow') found.place.grow(step.bytes)
  else if (step.do === 'count') found.place.count(step.jobs)
  else {
    found.place[Symbol.dispose]()
    inside.splice(at, 1)
  }
}

function refusalOf(act: () => void): { code: string } | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    return error as Error & { code: string }
  }
}

describe('what waits to be written', () => {
  it('is at most the bound and one request of each lane, is never negative, and is nothing when all have left', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const intake = createIntake({ clock: manualClock(), bounds })
        const inside: Inside[] = []
        for (const each of steps) {
          const before = { single: intake.waiting('single'), bulk: intake.waiting('bulk') }
          const refusal = refusalOf(() => take(intake, inside, each))
          const after = { single: intake.waiting('single'), bulk: intake.waiting('bulk') }
          expect(refusal?.code).toBe(refusal && 'OVERLOADED')
          // whoever is refused changes nothing
          expect(after).toEqual(refusal ? before : after)
          for (const [lane, share] of [
            ['single', 1 / 4],
            ['bulk', 3 / 4],
          ] as const) {
            const { requests, jobs, bytes } = intake.waiting(lane)
            expect(Math.min(requests, jobs, bytes)).toBeGreaterThanOrEqual(0)
            expect(jobs).toBeLessThan(bounds.jobs * share + largest.jobs)
            expect(bytes).toBeLessThan(bounds.bytes * share + largest.bytes)
            expect(requests).toBe(inside.filter((each) => each.lane === lane).length)
          }
        }
        for (const { place } of inside) place[Symbol.dispose]()
        for (const lane of ['single', 'bulk'] as const) {
          expect(intake.waiting(lane)).toEqual({ requests: 0, jobs: 0, bytes: 0 })
          // as large as requests may be, it comes into an empty coordinator
          using place = intake.enter(lane, largest.bytes)
          place.count(largest.jobs)
        }
      }),
    )
  })

  it('leaves single jobs their share, however much bulk waits', () => {
    const intake = createIntake({ clock: manualClock(), bounds })
    intake.enter('bulk', largest.bytes)
    expect(() => intake.enter('bulk', 1)).toThrow('Nothing of this request was stored')
    expect(() => intake.enter('single', 100)).not.toThrow()
    expect([intake.refused('bulk'), intake.refused('single')]).toEqual([1, 0])
  })

  it('is counted as soon as the body was read, where it holds more jobs than its bytes said', () => {
    const intake = createIntake({ clock: manualClock(), bounds })
    const first = intake.enter('bulk', 2_000)
    const second = intake.enter('bulk', 2_000)
    first.count(50)
    expect(intake.waiting('bulk')).toMatchObject({ requests: 2, jobs: 52 })
    expect(() => second.count(50)).toThrow(expect.objectContaining({ code: 'OVERLOADED' }))
    // fewer than assumed are never too many
    second.count(1)
    expect(intake.waiting('bulk').jobs).toBe(51)
  })

  it('leaves once, however often that is said', () => {
    const intake = createIntake({ clock: manualClock(), bounds })
    const place = intake.enter('bulk', 5_000)
    place[Symbol.dispose]()
    place[Symbol.dispose]()
    expect(intake.waiting('bulk')).toEqual({ requests: 0, jobs: 0, bytes: 0 })
  })

  it('says to come again after as long as the oldest has waited', async () => {
    const clock = manualClock()
    const intake = createIntake({ clock, bounds })
    intake.enter('bulk', largest.bytes)
    await clock.advance('4200ms')
    expect(() => intake.enter('bulk', 1)).toThrow(expect.objectContaining({ details: { retryAfter: 5 } }))
    expect([0, 1_000, 1_001, 300_000].map(retryAfter)).toEqual([1, 1, 2, 30])
  })
})
