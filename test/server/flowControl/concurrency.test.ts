import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import type { FunctionCall } from '../../../core/requests/wire.js'
import { sweepBlocked } from '../../../server/flowControl/slots.js'
import type { SlotsDocument } from '../../../server/store/documents.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import type { Answer, Invoke } from '../../../server/deps.js'
import { runs } from '../../support/effort.js'

const sync = defineJob({
  args: z.object({ shop: z.string() }),
  concurrency: { limit: 2, key: ({ shop }) => shop },
  retry: { attempts: 3, backoff: ['1s'] },
  run: () => null,
})

/** Functions that stay silent until the test answers for them, and that watch how many of a shop run at once. */
function shops() {
  const running = new Map<string, { shop: string; answer: (answer: Answer) => void }>()
  const most = new Map<string, number>()
  /** The claims of runs that were answered for. */
  const answered = new Set<string>()
  const count = (shop: string) => [...running.values()].filter((call) => call.shop === shop).length
  const invoke: Invoke = ({ body, signal }) =>
    new Promise((resolve) => {
      const { id, attempt, args, receipt } = JSON.parse(body) as FunctionCall & { args: { shop: string } }
      const key = `${id}.${attempt}`
      const claim = new URL(receipt).searchParams.get('token')!.split('.')[0]!
      const answer = (given: Answer) => {
        running.delete(key)
        if (given.kind !== 'aborted') answered.add(`${id} ${claim}`)
        resolve(given)
      }
      running.set(key, { shop: args.shop, answer })
      most.set(args.shop, Math.max(most.get(args.shop) ?? 0, count(args.shop)))
      signal.addEventListener('abort', () => answer({ kind: 'aborted' }), { once: true })
    })
  return {
    invoke,
    most,
    answered,
    running,
    count,
    /** Their deadline has come: they stop by themselves, as `wrap` makes them, and their answers are lost. */
    stopAtDeadline: () => running.clear(),
    /** Lets one running job of a shop succeed. */
    finish(shop: string) {
      ;[...running.values()]
        .find((call) => call.shop === shop)!
        .answer({ kind: 'receipt', receipt: { status: 'success' } })
    },
  }
}

/** The next step of the coordinator that is asked for, waited for by its own signal: no attempt is being claimed. */
const settled = async (errand: TestErrand) => {
  for (let n = 0; n < 5; n++) {
    await errand.claim()
    await new Promise((resolve) => setImmediate(resolve))
  }
}
const states = async (errand: TestErrand) => {
  const jobs = await errand.database.db.collection('errand_jobs').find().sort({ _id: 1 }).toArray()
  return jobs.map(({ state }) => state as string)
}

describe('concurrency', () => {
  it('blocks jobs beyond the limit of their key, and leaves other keys alone', async () => {
    const functions = shops()
    await using errand = await testErrand({ sync }, { invoke: functions.invoke })
    for (const shop of ['a', 'a', 'a', 'a', 'b']) await errand.enqueue('sync', { shop })
    await settled(errand)
    expect(await states(errand)).toEqual(['running', 'running', 'blocked', 'blocked', 'running'])
    expect([functions.count('a'), functions.count('b')]).toEqual([2, 1])
  })

  it('starts the next job at once when a slot falls free', async () => {
    const functions = shops()
    await using errand = await testErrand({ sync }, { invoke: functions.invoke })
    for (const shop of ['a', 'a', 'a']) await errand.enqueue('sync', { shop })
    await settled(errand)
    const started = new Promise<void>((resolve) => {
      const set = functions.running.set.bind(functions.running)
      functions.running.set = (key, call) => {
        resolve()
        return set(key, call)
      }
    })
    functions.finish('a')
    await started // no clock moves and nobody polls: the end of one is the start of the next
    expect(await states(errand)).toEqual(expect.arrayContaining(['succeeded', 'running', 'running']))
  })

  it('frees the slot of an attempt whose receipt is missing, once its function has ended by the deadline it was told', async () => {
    const functions = shops()
    await using errand = await testErrand({ sync }, { invoke: functions.invoke })
    // a coordinator that died: its jobs run under slots, and nobody will answer for them
    for (const shop of ['a', 'a', 'a']) await errand.enqueue('sync', { shop })
    await settled(errand)
    await errand.clock.advance('30s')
    await errand.reap()
    await settled(errand)
    expect(await states(errand)).toEqual(['scheduled', 'scheduled', 'blocked'])
    await errand.clock.advance('5s')
    await sweepBlocked(errand.coordinator.deps)
    await settled(errand)
    expect(await states(errand)).toEqual(['scheduled', 'scheduled', 'running'])
    expect(functions.most.get('a')).toBe(2)
  })

  it('sweeps up jobs that nobody woke', async () => {
    const functions = shops()
    await using errand = await testErrand({ sync }, { invoke: functions.invoke })
    const id = await errand.enqueue('sync', { shop: 'a' }, { delay: '1h' })
    await errand.database.db
      .collection<{ _id: string }>('errand_jobs')
      .updateOne({ _id: id }, { $set: { state: 'blocked' } })
    await sweepBlocked(errand.coordinator.deps)
    await settled(errand)
    expect(await states(errand)).toEqual(['running'])
  })

  it('is never exceeded by two coordinators, whatever happens in between, and every job ends', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('enqueue' as const), shop: fc.constantFrom('a', 'b'), on: fc.nat(1) }),
      fc.record({ kind: fc.constant('finish' as const), shop: fc.constantFrom('a', 'b') }),
      fc.record({ kind: fc.constant('fail' as const), shop: fc.constantFrom('a', 'b') }),
      fc.record({ kind: fc.constant('claim' as const), on: fc.nat(1) }),
      fc.record({ kind: fc.constant('time' as const) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
        const functions = shops()
        await using one = await testErrand({ sync }, { invoke: functions.invoke })
        await using two = await testErrand({ sync }, { invoke: functions.invoke, beside: one })
        const both = [one, two]
        const end = (shop: string, answer: Answer) =>
          [...functions.running.values()].find((call) => call.shop === shop)?.answer(answer)
        for (const each of steps) {
          if (each.kind === 'enqueue') await both[each.on]!.post('/job', { worker: 'sync', args: { shop: each.shop } })
          if (each.kind === 'claim') await both[each.on]!.claim()
          if (each.kind === 'finish') end(each.shop, { kind: 'receipt', receipt: { status: 'success' } })
          if (each.kind === 'fail') end(each.shop, { kind: 'failed', code: 'HTTP_500', message: 'no' })
          if (each.kind === 'time') {
            functions.stopAtDeadline()
            await one.clock.advance('31s')
            await Promise.all(both.flatMap((errand) => [errand.reap(), errand.stage()]))
          }
        }
        const final = new Set(['succeeded', 'failed'])
        for (let round = 0; round < 400; round++) {
          if ((await states(one)).every((state) => final.has(state))) break
          await Promise.all(both.map((errand) => errand.claim()))
          for (const { answer } of functions.running.values())
            answer({ kind: 'receipt', receipt: { status: 'success' } })
          await new Promise((resolve) => setImmediate(resolve))
          await one.clock.advance('1s')
          await Promise.all(
            both.flatMap((errand) => [errand.reap(), errand.stage(), sweepBlocked(errand.coordinator.deps)]),
          )
        }
        expect((await states(one)).filter((state) => !final.has(state))).toEqual([])
        expect(Math.max(0, ...functions.most.values())).toBeLessThanOrEqual(2)
        await Promise.all(both.map((errand) => errand.coordinator.dispatcher.idle()))
        const entries = await one.database.db.collection<SlotsDocument>('errand_slots').find().toArray()
        expect(
          entries.flatMap(({ users }) => users).filter(({ job, claim }) => functions.answered.has(`${job} ${claim}`)),
        ).toEqual([])
      }),
      { numRuns: runs(8) },
    )
  })
})
