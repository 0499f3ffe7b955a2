import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../core/index.js'
import { createTurns, type Turns, type WriteLane } from '../../server/writeTurns.js'
import { gate } from '../client/support.js'
import { testErrand } from '../support/errand.js'

const ten = { maxItems: 10, maxBytes: 100, sizeOf: ({ bytes }: { bytes: number }) => bytes }

interface Item {
  lane: WriteLane
  n: number
  bytes: number
}

/** Adds so many items of a lane, numbered in their order. */
function add(turns: Turns<Item>, lane: WriteLane, count: number, bytes = 1): void {
  for (let n = 0; n < count; n++) turns.add({ lane, n, bytes }, lane)
}

const lanesIn = (items: Item[]) => ({
  single: items.filter(({ lane }) => lane === 'single').length,
  bulk: items.filter(({ lane }) => lane === 'bulk').length,
})

describe('the next write', () => {
  it('takes a single item before all the bulk that waits', () => {
    const turns = createTurns<Item>(ten)
    add(turns, 'bulk', 500)
    add(turns, 'single', 1)
    expect(lanesIn(turns.take())).toEqual({ single: 1, bulk: 9 })
  })

  it('is shared in halves where both have more than that', () => {
    const turns = createTurns<Item>(ten)
    add(turns, 'single', 100)
    add(turns, 'bulk', 100)
    expect(lanesIn(turns.take())).toEqual({ single: 5, bulk: 5 })
  })

  it('gives to one lane what the other leaves', () => {
    const turns = createTurns<Item>(ten)
    add(turns, 'single', 100)
    add(turns, 'bulk', 2)
    expect(lanesIn(turns.take())).toEqual({ single: 8, bulk: 2 })
    expect(lanesIn(turns.take())).toEqual({ single: 10, bulk: 0 })
  })

  it('carries fewer items where they are large, and one that is larger than a write', () => {
    const turns = createTurns<Item>(ten)
    add(turns, 'bulk', 10, 40)
    add(turns, 'single', 1, 1_000)
    expect(lanesIn(turns.take())).toEqual({ single: 1, bulk: 0 })
    expect(lanesIn(turns.take())).toEqual({ single: 0, bulk: 3 })
  })

  it('leaves nothing behind, keeps the order of each lane, and lets no lane wait for more than its half', () => {
    const arrivals = fc.array(
      fc.record({ lane: fc.constantFrom<WriteLane>('single', 'bulk'), bytes: fc.integer({ min: 0, max: 250 }) }),
      { maxLength: 80 },
    )
    fc.assert(
      fc.property(arrivals, (added) => {
        const turns = createTurns<Item>(ten)
        added.forEach(({ lane, bytes }, n) => turns.add({ lane, n, bytes }, lane))
        const taken: Item[] = []
        while (turns.length > 0) {
          const waiting = turns.length
          const write = turns.take()
          expect(write.length).toBeGreaterThan(0)
          expect(write.length).toBeLessThanOrEqual(10)
          expect(turns.length).toBe(waiting - write.length)
          // the last one of each lane may go beyond
          const bytes = write.reduce((sum, each) => sum + each.bytes, 0)
          const largest = Math.max(...write.map((each) => each.bytes))
          expect(bytes).toBeLessThan(100 + 2 * largest + 1)
          taken.push(...write)
        }
        for (const lane of ['single', 'bulk'] as const) {
          const order = taken.filter((each) => each.lane === lane).map(({ n }) => n)
          expect(order).toEqual(added.flatMap((each, n) => (each.lane === lane ? [n] : [])))
        }
      }),
    )
  })
})

const work = defineJob({ args: z.object({ n: z.number() }), run: () => null })

describe('a single job', () => {
  it('goes into the next write, before all the bulk that was asked for earlier', async () => {
    await using errand = await testErrand({ work })
    const { store, writes } = errand.coordinator.deps
    const insertMany = store.jobs.insertMany.bind(store.jobs)
    const firstWrite = gate()
    const written: string[][] = []
    store.jobs.insertMany = async (documents) => {
      written.push(documents.map(({ args }) => args))
      if (written.length === 1) await firstWrite.opened
      return insertMany(documents)
    }
    const { insertJob } = writes
    const allBulk = gate()
    const allAsked = gate()
    let asked = 0
    writes.insertJob = (job, lane) => {
      const outcome = insertJob(job, lane)
      asked++
      if (asked === 3_000) allBulk.open()
      if (asked === 3_001) allAsked.open()
      return outcome
    }
    const items = Array.from({ length: 3_000 }, (_, n) => ({ worker: 'work', args: { n }, delay: '1h' }))
    const bulk = errand.post('/jobs', { jobs: items })
    await allBulk.opened
    const urgent = errand.post('/job', { worker: 'work', args: { n: -1 }, priority: 100, delay: '1h' })
    await allAsked.opened
    firstWrite.open()
    expect((await urgent).status).toBe(201)
    expect((await bulk).body.outcomes).toHaveLength(3_000)
    expect(written.findIndex((write) => write.includes('{"n":-1}'))).toBe(1)
  })
})
