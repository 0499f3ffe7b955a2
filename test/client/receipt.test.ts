import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { JobFailedError, ReceiptTimeoutError } from '../../client/index.js'
import { defineJob } from '../../core/index.js'
import { testErrand } from '../support/errand.js'
import { clientOf, gate, observedClock, refused, streamCut, type SentRequest } from './support.js'
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

/** Calls when a stream is asked for. */
const onWait =
  (asked: () => void) =>
  ({ procedure }: SentRequest): undefined => {
    if (procedure === 'jobs.ended') asked()
  }

const waitsIn = (sent: SentRequest[]) => sent.filter(({ procedure }) => procedure.startsWith('jobs.'))

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

  it('comes while it is waited for, over one stream', async () => {
    const { slow, open } = slowWorker()
    await using errand = await testErrand({ slow })
    const asked = gate()
    const { client, sent } = clientOf<SlowJobs>(errand, { before: onWait(asked.open) })
    const job = await client.enqueue('slow')
    const result = job.result()
    await asked.opened
    open()
    expect(await result).toEqual({ done: true })
    expect(sent.map(({ procedure }) => procedure)).toEqual(['enqueueMany', 'jobs.ended'])
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
    const receipt = job.receipt()
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

describe('many receipts', () => {
  const thousand = Array.from({ length: 1_000 }, (_, n) => ({
    worker: 'shop.total' as const,
    args: { amount: `${n}` },
  }))

  it('come over one stream, however many are waited for at once', async () => {
    await using errand = await testErrand(workers)
    const { client, sent } = clientOf(errand)
    const outcomes = await client.enqueueMany(thousand)
    const results = await Promise.all(outcomes.map(async (outcome) => outcome.ok && (await outcome.job.result())))
    expect(results).toEqual(thousand.map((_, n) => ({ doubled: n * 2 })))
    expect(waitsIn(sent).map(({ procedure }) => procedure)).toEqual(['jobs.ended'])
  })

  it('come in a bounded number of polls, where there is no stream', async () => {
    await using errand = await testErrand(workers)
    const { client, sent } = clientOf(errand, {
      before: ({ procedure }) => (procedure === 'jobs.ended' ? new Response('no', { status: 404 }) : undefined),
    })
    const outcomes = await client.enqueueMany(thousand)
    const ends = outcomes.map(async (outcome) => outcome.ok && (await outcome.job.result()))
    let areAll = false
    const results = Promise.all(ends).finally(() => (areAll = true))
    // the poll that waits for more to end with the first one sleeps by this clock; nothing else needs time
    while (!areAll) {
      await errand.quiet()
      await errand.clock.advance('100ms')
    }
    await results
    // a hundred in each answer, and a few that come while the jobs are still running
    expect(waitsIn(sent).length).toBeLessThan(30)
  })

  it('that are asked for one after another share a few streams', async () => {
    const { slow, open } = slowWorker()
    await using errand = await testErrand({ slow })
    let open4 = 0
    let most = 0
    const { client, sent } = clientOf<SlowJobs>(errand, {
      fetch: async (url, init) => {
        if (url.includes('jobs.ended')) {
          most = Math.max(most, ++open4)
          init.signal?.addEventListener('abort', () => open4--)
        }
        return errand.coordinator.fetch(new Request(url, init))
      },
    })
    const results: Promise<unknown>[] = []
    for (let n = 0; n < 40; n++) {
      const job = await client.enqueue('slow')
      results.push(job.result())
    }
    open()
    expect(await Promise.all(results)).toHaveLength(40)
    expect(most).toBeLessThanOrEqual(4)
    expect(sent).toEqual([])
  })
})

describe('a stream', () => {
  it('that is cut goes on with those that are left, and loses none that ended in between', async () => {
    const gates = { a: gate(), b: gate(), c: gate() }
    const named = defineJob({
      args: z.object({ name: z.enum(['a', 'b', 'c']) }),
      timeout: '1h',
      run: async ({ name }) => {
        await gates[name].opened
        return name
      },
    })
    await using errand = await testErrand({ named })
    const streams: { ids: string[]; cut: () => void }[] = []
    const { client } = clientOf<{ named: { args: { name: 'a' | 'b' | 'c' }; result: string } }>(errand, {
      fetch: async (url, init) => {
        // while the stream is down, another job ends
        if (streams.length === 1 && url.includes('jobs.ended')) {
          gates.b.open()
          while ((await errand.get(jobs[1]!.id)).state !== 'succeeded') await new Promise(setImmediate)
        }
        const response = await errand.coordinator.fetch(new Request(url, init))
        if (!url.includes('jobs.ended')) return response
        const { response: cuttable, cut } = streamCut(response)
        streams.push({ ids: JSON.parse(init.body as string).json.ids, cut })
        return cuttable
      },
    })
    const jobs = await Promise.all((['a', 'b', 'c'] as const).map((name) => client.enqueue('named', { name })))
    const [a, b, c] = jobs.map((job) => job.result())
    gates.a.open()
    expect(await a).toBe('a')
    streams[0]!.cut()
    expect(await b).toBe('b')
    gates.c.open()
    expect(await c).toBe('c')
    const ids = jobs.map(({ id }) => id)
    expect(streams.map(({ ids }) => ids)).toEqual([ids, ids.slice(1)])
  })

  it.each([
    ['is refused', async () => new Response('<html>', { status: 404 })],
    ['comes as something else', async () => Response.json({ result: {} })],
    ['is held back', (signal: AbortSignal) => heldBack(signal)],
  ])('that %s makes way for polls', async (_, answer) => {
    const clock = observedClock()
    await using errand = await testErrand(workers)
    const seen: string[] = []
    const asked = gate()
    const { client } = clientOf(
      { ...errand, clock },
      {
        fetch: async (url, init) => {
          seen.push(new URL(url).pathname)
          if (!url.includes('jobs.ended')) return errand.coordinator.fetch(new Request(url, init))
          asked.open()
          return answer(init.signal!)
        },
      },
    )
    const job = await client.enqueue('tick')
    const result = job.result()
    await asked.opened
    await clock.advance('5s')
    expect(await result).toBe(1)
    expect(await (await client.enqueue('tick')).result()).toBe(1)
    const waits = seen.filter((path) => path.includes('jobs.'))
    expect(waits.slice(0, 2)).toEqual(['/trpc/jobs.ended', '/trpc/jobs.waitMany'])
    expect(waits.filter((path) => path.endsWith('ended'))).toHaveLength(1)
  })

  it('that is cut again and again makes way for polls', async () => {
    const clock = observedClock()
    await using errand = await testErrand(workers)
    const { client, sent } = clientOf(
      { ...errand, clock },
      {
        before: ({ procedure }) =>
          procedure === 'jobs.ended' ? eventStream('event: connected\ndata: {}\n\n') : undefined,
      },
    )
    const job = await client.enqueue('tick')
    const [first, second] = [clock.slept(250), clock.slept(500)]
    const result = job.result()
    await first
    await clock.advance('250ms')
    await second
    await clock.advance('500ms')
    expect(await result).toBe(1)
    expect(waitsIn(sent).map(({ procedure }) => procedure)).toEqual([
      'jobs.ended',
      'jobs.ended',
      'jobs.ended',
      'jobs.waitMany',
    ])
  })

  it('that falls silent is taken for dead', async () => {
    const clock = observedClock()
    await using errand = await testErrand(workers)
    let streams = 0
    const silent = gate()
    const { client } = clientOf(
      { ...errand, clock },
      {
        fetch: async (url, init) => {
          const first = url.includes('jobs.ended') && streams++ === 0
          if (!first) return errand.coordinator.fetch(new Request(url, init))
          return eventStream('event: connected\ndata: {}\n\n', init.signal!, silent.open)
        },
      },
    )
    const job = await client.enqueue('tick')
    const result = job.result()
    await silent.opened
    await clock.advance('45s')
    expect(await result).toBe(1)
    expect(streams).toBe(2)
  })

  it('is let go when nobody waits any more', async () => {
    await using errand = await testErrand(workers)
    const signals: AbortSignal[] = []
    const asked = gate()
    const { client } = clientOf(errand, {
      fetch: async (url, init) => {
        if (url.includes('jobs.ended')) signals.push(init.signal!)
        if (signals.length > 0) asked.open()
        return errand.coordinator.fetch(new Request(url, init))
      },
    })
    const job = await client.enqueue('tick', {}, { delay: '1h' })
    const abort = new AbortController()
    const waiting = job.receipt({ signal: abort.signal })
    await asked.opened
    abort.abort(new Error('the user left'))
    await expect(waiting).rejects.toThrow('the user left')
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
  })
})

/** An answer that a proxy keeps until it is whole. */
const heldBack = (signal: AbortSignal) =>
  new Promise<Response>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))

/** Ends at once, or with a signal stays open and silent; then `read` is called when the text has been read. */
function eventStream(text: string, signal?: AbortSignal, read = () => {}): Response {
  let sent = false
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (!sent) controller.enqueue(new TextEncoder().encode(text))
      else if (!signal) controller.close()
      else {
        read()
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            controller.error(signal.reason)
            resolve()
          })
        })
      }
      sent = true
      return undefined
    },
  })
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

describe('a wait', () => {
  it('ends at its timeout and says that the job goes on', async () => {
    const { slow, open } = slowWorker()
    await using errand = await testErrand({ slow })
    const asked = gate()
    const { client, sent } = clientOf<SlowJobs>(errand, { before: onWait(asked.open) })
    const job = await client.enqueue('slow')
    await errand.claim()
    const waits = Array.from({ length: 5 }, () => job.receipt({ timeout: '10s' }).catch((error: unknown) => error))
    await asked.opened
    await errand.clock.advance('10s')
    for (const error of await Promise.all(waits)) {
      expect(error).toBeInstanceOf(ReceiptTimeoutError)
      expect(error).toMatchObject({ code: 'RECEIPT_TIMEOUT', jobId: job.id, state: 'running' })
      expect((error as Error).message).toContain(
        `Job ${job.id} had not ended after 10s. It was running when last seen; the job goes on.`,
      )
    }
    // one look for all of them
    expect(waitsIn(sent).map(({ procedure }) => procedure)).toEqual(['jobs.ended', 'jobs.waitMany'])
    open()
    expect(await job.result()).toEqual({ done: true })
  })

  it('of no time at all only looks', async () => {
    await using errand = await testErrand(workers)
    const { client, sent } = clientOf(errand)
    const job = await client.enqueue('tick', {}, { delay: '1h' })
    await expect(job.receipt({ timeout: '0s' })).rejects.toMatchObject({ code: 'RECEIPT_TIMEOUT', state: 'scheduled' })
    await client.jobs.cancel(job.id)
    expect(await job.receipt({ timeout: '0s' })).toMatchObject({ status: 'cancelled' })
    expect(sent.filter(({ procedure }) => procedure === 'jobs.ended')).toEqual([])
  })

  it('asks again after a hiccup of the network, ever less often', async () => {
    const clock = observedClock()
    await using errand = await testErrand(workers)
    let failures = 2
    const { client, sent } = clientOf(
      { ...errand, clock },
      {
        before: ({ procedure }) => {
          if (procedure === 'jobs.ended' && failures-- > 0) throw refused()
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
    expect(waitsIn(sent)).toHaveLength(3)
  })

  it('ends at its timeout where the coordinator is gone, and tells why', async () => {
    const clock = observedClock()
    await using errand = await testErrand(workers)
    const { client } = clientOf(
      { ...errand, clock },
      {
        before: ({ procedure }) => {
          if (procedure.startsWith('jobs.')) throw refused()
        },
      },
    )
    const job = await client.enqueue('tick', {}, { delay: '1h' })
    const pause = clock.slept(250)
    const waiting = job.receipt({ timeout: '200ms' }).catch((error: unknown) => error)
    await pause
    await clock.advance('200ms')
    expect(await waiting).toMatchObject({ code: 'RECEIPT_TIMEOUT', state: 'scheduled', cause: { code: 'UNAVAILABLE' } })
  })

  it('outlives its coordinator: it pauses, and another one tells', async () => {
    const clock = observedClock()
    const { slow, open } = slowWorker()
    await using errand = await testErrand({ slow })
    await using other = await testErrand({ slow }, { beside: errand })
    let current = errand
    const asked = gate()
    const { client } = clientOf<SlowJobs>(
      { ...errand, clock },
      {
        fetch: async (url, init) => {
          if (url.includes('jobs.ended')) asked.open()
          return current.coordinator.fetch(new Request(url, init))
        },
      },
    )
    const job = await client.enqueue('slow')
    await errand.claim()
    const pause = clock.slept(250)
    const waiting = job.result()
    await asked.opened
    current = other
    const stopping = errand.coordinator.stop()
    await pause
    open()
    await stopping
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
    await using errand = await testErrand(workers)
    const { client, sent } = clientOf(errand)
    const job = await client.enqueue('tick', {}, { delay: '1h' })
    const abort = new AbortController()
    const waiting = job.receipt({ signal: abort.signal })
    abort.abort(new Error('the user left'))
    await expect(waiting).rejects.toThrow('the user left')
    await expect(job.receipt({ signal: abort.signal })).rejects.toThrow('the user left')
    expect(waitsIn(sent)).toEqual([])
  })

  it('refuses a timeout that is no duration', async () => {
    await using errand = await testErrand(workers)
    const { client, sent } = clientOf(errand)
    // @ts-expect-error a number without a unit
    await expect(client.job('some').receipt({ timeout: 30 })).rejects.toMatchObject({ code: 'INVALID_TIME' })
    expect(sent).toEqual([])
  })
})
