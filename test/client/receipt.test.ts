import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { JobFailedError, ReceiptTimeoutError } from '../../client/index.js'
import { longestPollMs } from '../../client/receipt.js'
import { defineJob } from '../../core/index.js'
import { longestWaitMs } from '../../server/wait.js'
import { testErrand } from '../support/errand.js'
import { clientOf, gate, observedClock, refused } from './support.js'
import { workers } from './workers.js'

interface SlowJobs {
  slow: { args: object; result: { done: boolean } }
}

/** A worker that ends when the test says so. */
function slowWorker() {
  const { opened, open } = gate()
  const slow = defineJob({
    args: z.object({}),
    timeout: '1h',
    run: async () => {
      await opened
      return { done: true }
    },
  })
  return { slow, open }
}

describe('a receipt', () => {
  it('tells the result, typed as run returned it, with Dates', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    const job = await client.enqueue('mail.send', { to: 'ada@example.org', at: new Date(5) })
    expect(await job.receipt({ timeout: '1m' })).toEqual({
      status: 'success',
      result: { sentTo: 'ada@example.org', at: new Date(5) },
      attempt: 1,
      startedAt: new Date('2030-01-01T00:00:00Z'),
      finishedAt: new Date('2030-01-01T00:00:00Z'),
    })
    expect(await job.result()).toEqual({ sentTo: 'ada@example.org', at: new Date(5) })
  })

  it('tells the error of a job that failed; result throws it', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    const job = await client.enqueue('mail.bounce', { code: '550' })
    expect(await job.receipt()).toMatchObject({
      status: 'failure',
      error: { name: 'Fatal', message: 'refused with 550' },
      attempt: 1,
      finishedAt: expect.any(Date),
    })
    const failure: unknown = await job.result().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(JobFailedError)
    expect(failure).toMatchObject({
      code: 'JOB_FAILED',
      jobId: job.id,
      attempt: 1,
      error: { message: 'refused with 550' },
    })
    expect((failure as Error).message).toBe(`Job ${job.id} failed at attempt 1: Fatal: refused with 550`)
  })

  it('comes while it is waited for, in one long poll', async () => {
    const clock = observedClock()
    const { slow, open } = slowWorker()
    await using errand = await testErrand({ slow }, { clock })
    const { client, sent } = clientOf<SlowJobs>({ ...errand, clock })
    const job = await client.enqueue('slow')
    const held = clock.slept(longestPollMs)
    const result = job.result()
    await held
    open()
    expect(await result).toEqual({ done: true })
    expect(sent.map(({ procedure }) => procedure)).toEqual(['enqueueMany', 'jobs.wait'])
  })

  it('is waited for in as many polls as it takes', async () => {
    const clock = observedClock()
    const { slow, open } = slowWorker()
    await using errand = await testErrand({ slow }, { clock })
    const { client, sent } = clientOf<SlowJobs>({ ...errand, clock })
    const job = await client.enqueue('slow')
    const first = clock.slept(longestPollMs)
    const result = job.result({ timeout: '1m' })
    await first
    const second = clock.slept(longestPollMs)
    await clock.advance('25s')
    await second
    const third = clock.slept(10_000)
    await clock.advance('25s')
    await third
    open()
    expect(await result).toEqual({ done: true })
    expect(sent.filter(({ procedure }) => procedure === 'jobs.wait')).toHaveLength(3)
    expect(longestPollMs).toBe(longestWaitMs)
  })

  it('is the one of the last attempt, after all retries', async () => {
    const clock = observedClock()
    let attempts = 0
    const flaky = defineJob({
      args: z.object({}),
      retry: { attempts: 2, backoff: { kind: 'fixed', delay: '1s' } },
      run: () => {
        if (++attempts === 1) throw new Error('not yet')
        return attempts
      },
    })
    await using errand = await testErrand({ flaky }, { clock })
    const { client } = clientOf<{ flaky: { args: object; result: number } }>({ ...errand, clock })
    const job = await client.enqueue('flaky')
    await errand.run()
    expect(await errand.get(job.id)).toMatchObject({ state: 'scheduled', attempt: 1 })
    const held = clock.slept(longestPollMs)
    const receipt = job.receipt()
    await held
    await clock.advance('1s')
    await errand.run()
    expect(await receipt).toMatchObject({ status: 'success', result: 2, attempt: 2 })
  })

  it('is that it was cancelled, whatever its earlier attempts gave', async () => {
    const flaky = defineJob({
      args: z.object({}),
      run: () => {
        throw new Error('not yet')
      },
    })
    await using errand = await testErrand({ flaky })
    const { client } = clientOf<{ flaky: { args: object; result: never } }>(errand)
    const job = await client.enqueue('flaky')
    await errand.run()
    await client.jobs.cancel(job.id)
    expect((await client.jobs.get(job.id)).receipts).toHaveLength(1)
    expect(await job.receipt()).toEqual({ status: 'cancelled', finishedAt: new Date('2030-01-01T00:00:00Z') })
    await expect(job.result()).rejects.toMatchObject({ code: 'JOB_CANCELLED', message: `Job ${job.id} was cancelled.` })
  })

  it('may be asked for with an id from elsewhere', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    const id = await errand.enqueue('shop.total', { amount: '4' })
    const result = await client.job<'shop.total'>(id).result()
    expect(result.doubled).toBe(8)
    await expect(client.job('nobody').receipt()).rejects.toMatchObject({ code: 'UNKNOWN_JOB' })
  })
})

describe('a wait', () => {
  it('ends at its timeout and says that the job goes on', async () => {
    const clock = observedClock()
    const { slow, open } = slowWorker()
    await using errand = await testErrand({ slow }, { clock })
    const { client } = clientOf<SlowJobs>({ ...errand, clock })
    const job = await client.enqueue('slow')
    await errand.claim()
    const held = clock.slept(10_000)
    const waiting = job.receipt({ timeout: '10s' }).catch((error: unknown) => error)
    await held
    await clock.advance('10s')
    const error = await waiting
    expect(error).toBeInstanceOf(ReceiptTimeoutError)
    expect(error).toMatchObject({ code: 'RECEIPT_TIMEOUT', jobId: job.id, state: 'running' })
    expect((error as Error).message).toContain(
      `Job ${job.id} had not ended after 10s. It was running when last seen; the job goes on.`,
    )
    open()
    expect(await job.result()).toEqual({ done: true })
  })

  it('asks again after a hiccup of the network, ever less often', async () => {
    const clock = observedClock()
    await using errand = await testErrand(workers)
    let failures = 2
    const { client, sent } = clientOf(
      { ...errand, clock },
      {
        before: ({ procedure }) => {
          if (procedure === 'jobs.wait' && failures-- > 0) throw refused()
        },
      },
    )
    const job = await client.enqueue('shop.total', { amount: '2' })
    await errand.run()
    const firstPause = clock.slept(250)
    const result = job.result()
    await firstPause
    const secondPause = clock.slept(500)
    await clock.advance('250ms')
    await secondPause
    await clock.advance('500ms')
    expect(await result).toEqual({ doubled: 4 })
    expect(sent.filter(({ procedure }) => procedure === 'jobs.wait')).toHaveLength(3)
  })

  it('ends at its timeout where the coordinator is gone, and tells why', async () => {
    const clock = observedClock()
    await using errand = await testErrand(workers)
    const { client } = clientOf(
      { ...errand, clock },
      {
        before: ({ procedure }) => {
          if (procedure === 'jobs.wait') throw refused()
        },
      },
    )
    const job = await client.enqueue('tick', {}, { delay: '1h' })
    const pause = clock.slept(200)
    const waiting = job.receipt({ timeout: '200ms' }).catch((error: unknown) => error)
    await pause
    await clock.advance('200ms')
    expect(await waiting).toMatchObject({ code: 'RECEIPT_TIMEOUT', state: 'scheduled', cause: { code: 'UNAVAILABLE' } })
  })

  it('pauses when the coordinator answers before its time, as one that stops does', async () => {
    const [clock, coordinatorClock] = [observedClock(), observedClock()]
    const { slow, open } = slowWorker()
    await using errand = await testErrand({ slow }, { clock: coordinatorClock })
    const { client, sent } = clientOf<SlowJobs>({ ...errand, clock })
    const job = await client.enqueue('slow')
    const held = coordinatorClock.slept(longestPollMs)
    const waiting = job.result()
    await held
    const pause = clock.slept(250)
    await coordinatorClock.advance('25s') // for the client no time has passed
    await pause
    expect(sent.filter(({ procedure }) => procedure === 'jobs.wait')).toHaveLength(1)
    open()
    await clock.advance('250ms')
    expect(await waiting).toEqual({ done: true })
  })

  it('does not ask again where that cannot help', async () => {
    await using errand = await testErrand(workers, { apiKeys: [{ role: 'enqueue', key: 'right' }] })
    const { client, sent } = clientOf(errand, { apiKey: 'wrong' })
    await expect(client.job('some').receipt()).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    expect(sent).toHaveLength(1)
  })

  it('ends when its signal aborts, with the reason', async () => {
    const clock = observedClock()
    await using errand = await testErrand(workers, { clock })
    const { client } = clientOf({ ...errand, clock })
    const job = await client.enqueue('tick', {}, { delay: '1h' })
    const abort = new AbortController()
    const held = clock.slept(longestPollMs)
    const waiting = job.receipt({ signal: abort.signal })
    await held
    abort.abort(new Error('the user left'))
    await expect(waiting).rejects.toThrow('the user left')
    await expect(job.receipt({ signal: abort.signal })).rejects.toThrow('the user left')
  })

  it('refuses a timeout that is no duration', async () => {
    await using errand = await testErrand(workers)
    const { client, sent } = clientOf(errand)
    // @ts-expect-error a number without a unit
    await expect(client.job('some').receipt({ timeout: 30 })).rejects.toMatchObject({ code: 'INVALID_TIME' })
    expect(sent).toEqual([])
  })
})
