import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fitting, planLanes, type LaneCounts } from '../../../server/jobs/lanes.js'

const paces: Record<string, number> = { quick: 2, slow: 15_000 }
const paceOf = (worker: string) => paces[worker]
const idle: LaneCounts = {
  limit: 100,
  calls: [],
  reserved: 0,
  ready: [],
  lately: ['quick'],
  backlog: true,
  maxClaim: 500,
}
const callsOf = (worker: string, count: number, forMs: number) =>
  Array.from({ length: count }, () => ({ worker, jobs: 1, forMs }))
const jobsOf = (worker: string, count: number) => Array.from({ length: count }, () => worker)

describe('lanes', () => {
  it('claim quick jobs by the hundred while quick ones run', () => {
    expect(planLanes({ ...idle, calls: callsOf('quick', 100, 1) }, paceOf).claim).toBe(500)
  })

  it('claim no slow jobs while slow ones run', () => {
    const busy = { ...idle, calls: callsOf('slow', 100, 4_000), lately: ['slow'] }
    expect(planLanes(busy, paceOf).claim).toBe(0)
    const oneFree = { ...busy, calls: callsOf('slow', 99, 4_000) }
    expect(planLanes(oneFree, paceOf)).toMatchObject({ claim: 1, free: 1 })
  })

  it('take a call that outlasts its worker for one that goes on as long again', () => {
    const late = { ...idle, calls: callsOf('quick', 100, 1_000) }
    expect(planLanes(late, paceOf)).toMatchObject({ claim: 0, spareMs: 0 })
  })

  it('keep of a claim what can start soon, in its order', () => {
    const plan = planLanes({ ...idle, calls: callsOf('quick', 50, 1) }, paceOf)
    expect(fitting(jobsOf('quick', 500), plan, paceOf)).toBe(500)
    // fifty lanes are free, and fifty more within the moment
    expect(fitting(jobsOf('slow', 500), plan, paceOf)).toBe(100)
    expect(fitting([...jobsOf('quick', 10), ...jobsOf('slow', 490)], plan, paceOf)).toBe(110)
  })

  it('start as many jobs of an unknown worker as lanes are free, and claim none ahead', () => {
    const unknown = { ...idle, lately: [] }
    expect(planLanes(unknown, paceOf).claim).toBe(100)
    expect(planLanes({ ...unknown, calls: callsOf('new', 100, 5) }, paceOf).claim).toBe(0)
  })

  it('claim so many as there is room for of what came lately', () => {
    const oneLane = { ...idle, limit: 1 }
    expect(planLanes({ ...oneLane, lately: ['quick'] }, paceOf).claim).toBe(100)
    expect(planLanes({ ...oneLane, lately: ['quick', 'slow'] }, paceOf).claim).toBe(1)
    expect(planLanes({ ...oneLane, lately: [...jobsOf('quick', 19), 'slow'] }, paceOf).claim).toBe(16)
  })

  const counts = fc.record({
    limit: fc.integer({ min: 1, max: 200 }),
    calls: fc.array(
      fc.record({
        worker: fc.constantFrom('quick', 'slow', 'new'),
        jobs: fc.integer({ min: 1, max: 50 }),
        forMs: fc.nat(20_000),
      }),
      { maxLength: 60 },
    ),
    reserved: fc.nat(20),
    ready: fc.array(fc.constantFrom('quick', 'slow', 'new'), { maxLength: 100 }),
    lately: fc.array(fc.constantFrom('quick', 'slow', 'new'), { maxLength: 40 }),
    backlog: fc.boolean(),
    maxClaim: fc.constant(500),
  })

  it('leave no lane free while others wait, and never claim more than one claim takes', () => {
    fc.assert(
      fc.property(counts, (each) => {
        const { claim, free } = planLanes(each, paceOf)
        expect(claim).toBeLessThanOrEqual(each.maxClaim)
        // with a backlog a claim may wait until it brings many
        expect(claim).toBeGreaterThanOrEqual(each.backlog ? 0 : Math.min(free, each.maxClaim))
      }),
    )
  })

  it('keep at least what starts at once, and more of quicker jobs than of slower ones', () => {
    fc.assert(
      fc.property(counts, fc.nat(500), (each, count) => {
        const plan = planLanes(each, paceOf)
        const slow = fitting(jobsOf('slow', count), plan, paceOf)
        const quick = fitting(jobsOf('quick', count), plan, paceOf)
        expect(slow).toBeGreaterThanOrEqual(Math.min(count, plan.free))
        expect(quick).toBeGreaterThanOrEqual(slow)
      }),
    )
  })
})
