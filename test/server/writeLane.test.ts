import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../core/index.js'
import { gatherWrites } from '../../server/gatherWrites.js'
import { gate } from '../client/support.js'
import { testErrand } from '../support/errand.js'

const work = defineJob({ args: z.object({ n: z.number() }), run: () => null })
const item = (n: number) => ({ worker: 'work', args: { n }, delay: '1h' })
const items = (count: number) => Array.from({ length: count }, (_, n) => item(n))

/** A coordinator whose first write does not end before the test says so. */
async function withSlowWrite() {
  const errand = await testErrand({ work })
  const { jobs } = errand.coordinator.deps.store
  const insertMany = jobs.insertMany.bind(jobs)
  const began = gate()
  const ends = gate()
  const sizes: number[] = []
  jobs.insertMany = async (documents) => {
    sizes.push(documents.length)
    began.open()
    if (sizes.length === 1) await ends.opened
    return insertMany(documents)
  }
  return Object.assign(errand, { writing: began.opened, endWrite: ends.open, sizes })
}

describe('a single job', () => {
  it.each(['bulk', 'atomic', 'group'])(
    'waits for no %s, neither for what is written nor for what waits',
    async (kind) => {
      await using errand = await withSlowWrite()
      const jobs = items(3_000)
      const many = errand.post(
        kind === 'group' ? '/groups' : '/jobs',
        kind === 'atomic' ? { jobs, atomic: true } : { jobs },
      )
      await errand.writing
      const single = await errand.post('/job', item(-1))
      const few = await errand.post('/jobs', { jobs: items(10) })
      expect([single.status, few.status]).toEqual([201, 200])
      errand.endWrite()
      expect((await many).status).toBeLessThan(300)
      expect(errand.sizes.reduce((sum, size) => sum + size, 0)).toBe(3_011)
    },
  )
})

describe('bulk', () => {
  it('goes on, however long single jobs take to be written', async () => {
    await using errand = await withSlowWrite()
    const single = errand.post('/job', item(-1))
    await errand.writing
    expect((await errand.post('/jobs', { jobs: items(50) })).body.outcomes).toHaveLength(50)
    errand.endWrite()
    expect((await single).status).toBe(201)
  })
})

describe('a gathered write', () => {
  it('carries fewer items where they are large, at least one, and all in their order', async () => {
    const writes: number[][] = []
    const add = gatherWrites({
      write: async (sizes: number[]) => {
        writes.push(sizes)
        return sizes
      },
      maxItems: 4,
      maxBytes: 100,
      sizeOf: (size) => size,
    })
    await Promise.all([40, 40, 40, 40, 500, 1, 2, 3, 4, 5].map((size) => add(size)))
    expect(writes).toEqual([[40, 40, 40], [40, 500], [1, 2, 3, 4], [5]])
  })
})
