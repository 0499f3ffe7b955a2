import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob, Fatal, RetryAfter } from '../../../core/index.js'
import { testErrand } from '../../support/errand.js'

const echo = defineJob({ args: z.object({ n: z.number() }), run: ({ n }) => ({ n }) })

describe('run', () => {
  it('runs a job at once and keeps its receipt', async () => {
    await using errand = await testErrand({ echo })
    const id = await errand.enqueue('echo', { n: 7 })
    await errand.run()
    const job = await errand.get(id)
    expect(job).toMatchObject({
      state: 'succeeded',
      attempt: 1,
      receipts: [{ attempt: 1, status: 'success', result: { n: 7 } }],
    })
  })

  it('gives run the output type of the schema, and forwards what JSON cannot say', async () => {
    const seen: unknown[] = []
    const when = defineJob({
      args: z.object({ at: z.date(), size: z.string().transform(Number) }),
      run: (args) => {
        seen.push(args)
        return { at: args.at, big: 12n }
      },
    })
    await using errand = await testErrand({ when })
    const id = await errand.enqueue(
      'when',
      { at: '2020-01-01T00:00:00.000Z', size: '5' },
      { argsMeta: { values: { at: ['Date'] } } },
    )
    await errand.run()
    expect(seen).toEqual([{ at: new Date('2020-01-01T00:00:00Z'), size: 5 }])
    const [receipt] = (await errand.get(id)).receipts
    expect(receipt?.result).toEqual({ at: '2020-01-01T00:00:00.000Z', big: '12' })
    expect(receipt?.resultMeta).toMatchObject({ values: { at: ['Date'], big: ['bigint'] } })
  })

  it('runs the higher priority first, and the older first within one', async () => {
    const order: number[] = []
    const note = defineJob({ args: z.object({ n: z.number() }), run: ({ n }) => void order.push(n) })
    await using errand = await testErrand({ note }, { concurrency: 1 })
    const later = { delay: '1s' }
    for (const [n, priority] of [
      [1, 0],
      [2, 0],
      [3, 10],
      [4, -5],
    ] as const) {
      await errand.enqueue('note', { n }, { priority, ...later })
    }
    await errand.clock.advance('1s')
    await errand.run()
    expect(order).toEqual([3, 1, 2, 4])
  })
})

describe('retry', () => {
  it('tries again by the backoff, ends as failed, and keeps every receipt', async () => {
    const whale = defineJob({
      args: z.object({}),
      retry: { attempts: 3, backoff: { kind: 'exponential', base: '10s', jitter: false } },
      run: () => {
        throw new Error('no')
      },
    })
    await using errand = await testErrand({ whale })
    const id = await errand.enqueue('whale')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'scheduled', attempt: 1, runAt: '2030-01-01T00:00:10.000Z' })
    await errand.clock.advance('9s')
    await errand.run()
    expect((await errand.get(id)).attempt).toBe(1)
    await errand.clock.advance('1s')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'scheduled', attempt: 2, runAt: '2030-01-01T00:00:30.000Z' })
    await errand.clock.advance('20s')
    await errand.run()
    const job = await errand.get(id)
    expect(job).toMatchObject({ state: 'failed', attempt: 3, maxAttempts: 3 })
    expect(job.receipts.map(({ attempt, status, error }) => [attempt, status, error?.message])).toEqual([
      [1, 'failure', 'no'],
      [2, 'failure', 'no'],
      [3, 'failure', 'no'],
    ])
  })

  it('does not try a Fatal again, and obeys RetryAfter', async () => {
    const fatal = defineJob({
      args: z.object({}),
      run: () => {
        throw new Fatal('never')
      },
    })
    const polite = defineJob({
      args: z.object({}),
      run: () => {
        throw new RetryAfter('42s')
      },
    })
    await using errand = await testErrand({ fatal, polite })
    const fatalId = await errand.enqueue('fatal')
    const politeId = await errand.enqueue('polite')
    await errand.run()
    expect(await errand.get(fatalId)).toMatchObject({ state: 'failed', attempt: 1 })
    expect(await errand.get(politeId)).toMatchObject({ state: 'scheduled', runAt: '2030-01-01T00:00:42.000Z' })
  })
})
