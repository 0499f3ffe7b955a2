import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob, Fatal } from '../../../core/index.js'
import { manualClock } from '../../support/clock.js'
import { inProcess, testErrand, type TestErrand, type TestWorkers } from '../../support/errand.js'
import type { Invoke } from '../../../server/deps.js'

const args = z.object({ n: z.number() })

/** Notes how many jobs each call carries. */
function counted(workers: TestWorkers) {
  const calls: { worker: string; jobs: number }[] = []
  const watch = (invoke: Invoke): Invoke => {
    return (call) => {
      const body = JSON.parse(call.body) as { worker: string; jobs?: { worker: string }[] }
      calls.push({ worker: body.jobs?.[0]?.worker ?? body.worker, jobs: body.jobs?.length ?? 1 })
      return invoke(call)
    }
  }
  return { calls, open: () => watched(workers, watch) }
}

function watched(workers: TestWorkers, watch: (invoke: Invoke) => Invoke): Promise<TestErrand> {
  const clock = manualClock()
  return testErrand(workers, { clock, invoke: watch(inProcess(workers, clock)) })
}

/** They are there before the dispatcher looks, so that it finds many at once. */
async function enqueueTogether(errand: TestErrand, worker: string, count: number): Promise<string[]> {
  const jobs = Array.from({ length: count }, (_, n) => errand.post('/job', { worker, args: { n }, delay: '1s' }))
  const ids = (await Promise.all(jobs)).map(({ body }) => body.id as string)
  await errand.clock.advance('1s')
  return ids.toSorted()
}

describe('jobsPerCall', () => {
  it('carries several jobs in a call, each with its own receipt', async () => {
    const half = defineJob({
      args,
      jobsPerCall: 10,
      retry: { attempts: 1 },
      run({ n }, { jobId, attempt }) {
        if (n % 2 === 1) throw new Fatal(`odd: ${n}`)
        return { n, jobId, attempt }
      },
    })
    const { calls, open } = counted({ half })
    await using errand = await open()
    const ids = await enqueueTogether(errand, 'half', 25)
    await errand.run()
    expect(calls.map(({ jobs }) => jobs)).toEqual([10, 10, 5])
    const jobs = await Promise.all(ids.map((id) => errand.get(id)))
    for (const { id, state, args, receipts } of jobs) {
      const { n } = args as { n: number }
      expect(state).toBe(n % 2 === 1 ? 'failed' : 'succeeded')
      expect(receipts).toMatchObject([
        n % 2 === 1 ? { error: { message: `odd: ${n}` } } : { result: { n, jobId: id, attempt: 1 } },
      ])
    }
  })

  it('is for workers that ask for it, and never mixes workers', async () => {
    const many = defineJob({ args, jobsPerCall: 10, run: () => null })
    const single = defineJob({ args, run: () => null })
    const { calls, open } = counted({ many, single })
    await using errand = await open()
    await enqueueTogether(errand, 'single', 3)
    await enqueueTogether(errand, 'many', 3)
    await errand.run()
    expect(calls.filter(({ worker }) => worker === 'single').map(({ jobs }) => jobs)).toEqual([1, 1, 1])
    expect(calls.filter(({ worker }) => worker === 'many').map(({ jobs }) => jobs)).toEqual([3])
  })

  it('fails each of its jobs when the call fails, and tries each again', async () => {
    const many = defineJob({ args, jobsPerCall: 10, retry: { attempts: 2, backoff: ['1s'] }, run: () => null })
    let down = true
    const watch =
      (invoke: Invoke): Invoke =>
      (call) =>
        down ? Promise.resolve({ kind: 'failed', code: 'HTTP_500', message: 'no' }) : invoke(call)
    await using errand = await watched({ many }, watch)
    const ids = await enqueueTogether(errand, 'many', 4)
    await errand.run()
    down = false
    await errand.clock.advance('1s')
    await errand.run()
    for (const id of ids) {
      expect(await errand.get(id)).toMatchObject({
        state: 'succeeded',
        receipts: [{ error: { code: 'HTTP_500' } }, { status: 'success' }],
      })
    }
  })

  it('times out the job that is not done at its deadline, and keeps the receipts of the others', async () => {
    let entered = 0
    let enter = () => {}
    const all = new Promise<void>((resolve) => (enter = resolve))
    const many = defineJob({
      args,
      jobsPerCall: 10,
      retry: { attempts: 1 },
      run({ n }) {
        if (++entered === 3) enter()
        return n === 1 ? new Promise<null>(() => {}) : null
      },
    })
    await using errand = await testErrand({ many })
    const ids = await enqueueTogether(errand, 'many', 3)
    await errand.stage()
    await errand.claim()
    await all
    await errand.clock.advance('30s')
    await errand.coordinator.dispatcher.idle()
    const jobs = await Promise.all(ids.map((id) => errand.get(id)))
    const codes = new Map(jobs.map(({ args, receipts }) => [(args as { n: number }).n, receipts[0]?.error?.code]))
    expect([0, 1, 2].map((n) => codes.get(n))).toEqual([undefined, 'TIMEOUT', undefined])
  })

  it('goes on when one of its jobs is cancelled, whose receipt then changes nothing', async () => {
    let finish = () => {}
    const finished = new Promise<void>((resolve) => (finish = resolve))
    const many = defineJob({ args, jobsPerCall: 10, run: () => finished.then(() => 'done') })
    await using errand = await testErrand({ many })
    const [first, second] = await enqueueTogether(errand, 'many', 2)
    await errand.stage()
    await errand.claim()
    await errand.coordinator.fetch(new Request(`http://coordinator.test/job/${first}`, { method: 'DELETE' }))
    finish()
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(first!)).toMatchObject({ state: 'cancelled' })
    expect(await errand.get(second!)).toMatchObject({ state: 'succeeded', receipts: [{ result: 'done' }] })
  })

  it('refuses an answer that has not a receipt for each job', async () => {
    const many = defineJob({ args, jobsPerCall: 10, retry: { attempts: 1 }, run: () => null })
    const invoke: Invoke = () => Promise.resolve({ kind: 'receipts', receipts: [{ status: 'success' }] })
    await using errand = await testErrand({ many }, { invoke })
    const ids = await enqueueTogether(errand, 'many', 2)
    await errand.run()
    for (const id of ids) {
      expect(await errand.get(id)).toMatchObject({ state: 'failed', receipts: [{ error: { code: 'BAD_RECEIPT' } }] })
    }
  })
})
