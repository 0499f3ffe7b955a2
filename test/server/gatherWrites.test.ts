import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../core/index.js'
import { gatherWrites } from '../../server/gatherWrites.js'
import { testErrand } from '../support/errand.js'
import { handOperated } from '../support/handOperated.js'
import type { Answer } from '../../server/deps.js'

const bad = new Error('this one')

/** A write that takes no bad items, and remembers what it was given. */
function writer(isBad: (item: number) => boolean) {
  const writes: number[][] = []
  const write = async (items: number[]) => {
    writes.push(items)
    if (items.some(isBad)) throw bad
    return items.map((item) => item * 2)
  }
  return { writes, write }
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

describe('a gathered write that fails', () => {
  it('fails the bad items alone, each with its own error', async () => {
    const { writes, write } = writer((item) => item === 3 || item === 700)
    const double = gatherWrites({ write, maxItems: 1_000, isWorthHalving: async () => true })
    const outcomes = await Promise.allSettled(numbers(1_000).map((item) => double(item)))
    const failed = outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))
    expect(failed).toEqual([3, 700])
    expect(outcomes[3]).toEqual({ status: 'rejected', reason: bad })
    expect(outcomes[999]).toEqual({ status: 'fulfilled', value: 1_998 })
    expect(writes.length).toBeLessThan(2 * 2 * 11)
  })

  it('fails everybody at once where the database is away', async () => {
    const { writes, write } = writer(() => true)
    const double = gatherWrites({ write, maxItems: 1_000, isWorthHalving: async () => false })
    const outcomes = await Promise.allSettled(numbers(100).map((item) => double(item)))
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true)
    expect(writes).toHaveLength(1)
  })

  it('stops halving when the database goes away meanwhile, and writes what comes later', async () => {
    let away = true
    let asked = 0
    const { writes, write } = writer(() => away)
    const double = gatherWrites({ write, maxItems: 1_000, isWorthHalving: async () => asked++ === 0 })
    const failed = await Promise.allSettled(numbers(100).map((item) => double(item)))
    expect(failed.every(({ status }) => status === 'rejected')).toBe(true)
    expect(writes).toHaveLength(2)
    away = false
    expect(await double(4)).toBe(8)
  })
})

const work = defineJob({ args: z.object({}), retry: { attempts: 1 }, timeout: '20s', run: () => null })

/** More than a document may hold. */
const unstorable: Answer = {
  kind: 'receipt',
  receipt: { status: 'failure', error: { name: 'E', message: 'x'.repeat(17 * 1024 * 1024) } },
}

describe('one bad item', () => {
  it('leaves the receipts that are written with it alone', async () => {
    const functions = handOperated()
    await using errand = await testErrand({ work }, { invoke: functions.invoke })
    const ids: string[] = []
    for (let n = 0; n < 41; n++) ids.push((await errand.post('/job', { worker: 'work' })).body.id as string)
    const calls = await Promise.all(ids.map(() => functions.next()))
    calls.forEach(({ answer }, n) =>
      answer(n === 20 ? unstorable : { kind: 'receipt', receipt: { status: 'success' } }),
    )
    await errand.coordinator.dispatcher.idle()
    const states = await Promise.all(ids.map(async (id) => (await errand.get(id)).state))
    expect(states.filter((state) => state === 'succeeded')).toHaveLength(40)
    expect(await errand.get(ids[20]!)).toMatchObject({
      state: 'failed',
      receipts: [{ error: { code: 'BAD_RECEIPT' } }],
    })
  })

  it('leaves the jobs that are stored with it alone', async () => {
    await using errand = await testErrand({ work })
    const { writes, newId, clock } = errand.coordinator.deps
    const job = (args: string) => ({
      _id: newId(),
      worker: 'elsewhere',
      args,
      state: 'queued' as const,
      priority: 0,
      runAt: clock.now(),
      createdAt: clock.now(),
      attempt: 0,
      maxAttempts: 1,
    })
    const jobs = [...numbers(20).map(() => job('{}')), job(`"${'x'.repeat(17 * 1024 * 1024)}"`), job('{}')]
    const outcomes = await Promise.allSettled(jobs.map((job) => writes.insertJob(job)))
    expect(outcomes.map(({ status }) => status).indexOf('rejected')).toBe(20)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(21)
  })
})
