import { enqueueManyLimit } from '../../core/limits.js'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { inRequests, maxRequestSize, maxTogetherSize } from '../../client/enqueue.js'
import { ErrandError, type EnqueueItem } from '../../client/index.js'
import { defineJob } from '../../core/index.js'
import { testErrand } from '../support/errand.js'
import { clientOf, observedClock, refused } from './support.js'
import { workers, type Jobs } from './workers.js'

const jobCount = (errand: { database: { db: import('mongodb').Db } }) =>
  errand.database.db.collection('errand_jobs').countDocuments()

describe('enqueue', () => {
  it('stores a job and answers with its id, state and start time', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    const now = await client.enqueue('mail.send', { to: 'ada@example.org' })
    expect(now).toMatchObject({ id: expect.any(String), state: 'queued', runAt: new Date('2030-01-01T00:00:00Z') })
    const later = await client.enqueue(
      'mail.send',
      { to: 'ada@example.org' },
      { delay: '10m', priority: 7, key: 'ada' },
    )
    expect(later).toMatchObject({ state: 'scheduled', runAt: new Date('2030-01-01T00:10:00Z') })
    expect(await errand.get(later.id)).toMatchObject({ args: { to: 'ada@example.org' }, priority: 7, key: 'ada' })
  })

  it.each([
    ['a Date', { runAt: new Date('2030-06-01T12:00:00Z') }, '2030-06-01T12:00:00.000Z'],
    [
      'a local time in its zone',
      { runAt: '2030-06-01 10:00:00 AM', timezone: 'America/Montreal' },
      '2030-06-01T14:00:00.000Z',
    ],
  ])('starts a job at %s', async (_, options, runAt) => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    const job = await client.enqueue('mail.send', { to: 'ada@example.org' }, options)
    expect(job.runAt.toISOString()).toBe(runAt)
  })

  it('takes no args for a worker that needs none', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    const job = await client.enqueue('tick')
    expect(await job.result()).toBe(1)
  })

  it('brings Dates, Maps and BigInts to run as they were, and says nothing more than JSON where JSON is enough', async () => {
    const seen: unknown[] = []
    const rich = defineJob({
      args: z.object({ at: z.date(), seats: z.map(z.string(), z.number()), total: z.bigint() }),
      run: (args) => void seen.push(args),
    })
    const plain = defineJob({ args: z.object({ a: z.array(z.number()) }), run: () => null })
    await using errand = await testErrand({ rich, plain })
    const { client, sent } = clientOf<{
      rich: { args: z.input<typeof rich.args>; result: void }
      plain: { args: { a: number[] }; result: null }
    }>(errand)
    const args = { at: new Date(0), seats: new Map([['a', 1]]), total: 12n }
    await (await client.enqueue('rich', args)).receipt()
    expect(seen).toEqual([args])
    await client.enqueue('plain', { a: [1] })
    expect(sent.at(-1)!.input).toEqual({
      jobs: [{ worker: 'plain', args: { a: [1] } }],
      id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    })
  })

  it('gathers the calls of one tick into one request', async () => {
    await using errand = await testErrand(workers)
    const { client, sent } = clientOf(errand)
    const jobs = await Promise.all(
      Array.from({ length: 500 }, (_, index) =>
        client.enqueue('mail.send', { to: `${index}@example.org` }, { delay: '1d' }),
      ),
    )
    expect(sent.map(({ procedure }) => procedure)).toEqual(['enqueueMany'])
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(500)
    expect(await errand.get(jobs[321]!.id)).toMatchObject({ args: { to: '321@example.org' } })
  })

  it('keeps callers together that go on after the same answer', async () => {
    await using errand = await testErrand(workers)
    const { client, sent } = clientOf(errand)
    const callThrice = async () => {
      for (let call = 0; call < 3; call++) await client.enqueue('tick', {}, { delay: '1d' })
    }
    await Promise.all(Array.from({ length: 20 }, callThrice))
    expect(sent.map(({ input }) => input.jobs.length)).toEqual([20, 20, 20])
  })

  it('gives each gathered call its own outcome', async () => {
    await using errand = await testErrand(workers)
    const { client, sent } = clientOf(errand)
    const owner = await client.enqueue('tick', {}, { key: 'k', delay: '1d' })
    const outcomes = await Promise.allSettled([
      client.enqueue('mail.send', { to: 'ada@example.org' }),
      // @ts-expect-error `to` is a string
      client.enqueue('mail.send', { to: 42 }),
      client.enqueue('tick', {}, { key: 'k' }),
      // @ts-expect-error no such worker
      client.enqueue('mail.sned', { to: 'ada@example.org' }),
      client.enqueue('tick', { verbose: true }),
    ])
    expect(sent).toHaveLength(2)
    expect(outcomes).toMatchObject([
      { status: 'fulfilled', value: { state: 'queued' } },
      { reason: { code: 'INVALID_ARGS', issues: [{ path: ['to'], code: 'invalid_type' }] } },
      { reason: { code: 'KEY_TAKEN', details: { id: owner.id } } },
      { reason: { code: 'UNKNOWN_WORKER', message: expect.stringContaining('Did you mean "mail.send"?') } },
      { status: 'fulfilled', value: { state: 'queued' } },
    ])
    expect(outcomes[1]).toHaveProperty('reason', expect.any(ErrandError))
  })

  it('refuses what cannot be sent, alone, and before it sends', async () => {
    await using errand = await testErrand(workers)
    const { client, sent } = clientOf(errand)
    const outcomes = await Promise.allSettled([
      client.enqueue('tick', {}, { runAt: new Date(Number.NaN) }),
      client.enqueue('tick', JSON.parse('{ "__proto__": { "verbose": true } }') as object),
    ])
    expect(outcomes).toMatchObject([{ reason: { code: 'INVALID_TIME' } }, { reason: { code: 'INVALID_ARGS' } }])
    expect(sent).toEqual([])
  })
})

describe('enqueueMany', () => {
  it('answers in the order of the items, and a bad one does not spoil the others', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    const [mail, bad, unsendable, total] = await client.enqueueMany([
      { worker: 'mail.send', args: { to: 'ada@example.org', at: new Date(0) } },
      // @ts-expect-error `code` is missing
      { worker: 'mail.bounce', args: {} },
      { worker: 'tick', runAt: new Date(Number.NaN) },
      { worker: 'shop.total', args: { amount: '21' } },
    ])
    expect(bad).toMatchObject({ ok: false, error: { code: 'INVALID_ARGS', issues: [{ path: ['code'] }] } })
    expect(unsendable).toMatchObject({ ok: false, error: { code: 'INVALID_TIME' } })
    if (!mail.ok || !total.ok) throw new Error('refused')
    expect(await mail.job.result()).toEqual({ sentTo: 'ada@example.org', at: new Date(0) })
    expect(await total.job.result()).toEqual({ doubled: 42 })
  })

  it('sends nothing for no items', async () => {
    await using errand = await testErrand(workers)
    const { client, sent } = clientOf(errand)
    expect(await client.enqueueMany([])).toEqual([])
    expect(sent).toEqual([])
  })

  it('takes more items than the coordinator takes in one request', async () => {
    await using errand = await testErrand(workers)
    const { client, sent } = clientOf(errand)
    const items = Array.from({ length: enqueueManyLimit + 5 }, () => ({ worker: 'tick', delay: '1d' }) as const)
    const outcomes = await client.enqueueMany(items)
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(enqueueManyLimit + 5)
    expect(sent.map(({ input }) => input.jobs.length)).toEqual([enqueueManyLimit, 5])
    expect(await jobCount(errand)).toBe(enqueueManyLimit + 5)
  })

  it('throws when the first request fails, and tells the outcome of each item when a later one does', async () => {
    await using errand = await testErrand(workers, { maxBodyBytes: 2 * maxRequestSize })
    const large = { worker: 'mail.send', args: { to: 'x'.repeat(maxRequestSize - 1_000) }, delay: '1d' } as const
    const small = { worker: 'tick', delay: '1d' } as const
    let requests = 0
    let failAt = 1
    const { client } = clientOf(errand, {
      retryFor: '0s',
      before: () => {
        if (++requests === failAt) throw refused()
      },
    })
    await expect(client.enqueueMany([small, large, large])).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect({ requests, stored: await jobCount(errand) }).toEqual({ requests: 1, stored: 0 })

    failAt = 3
    const outcomes = await client.enqueueMany([small, large, large, small])
    expect(outcomes.map((outcome) => outcome.ok || outcome.error.code)).toEqual([
      true,
      true,
      'UNAVAILABLE',
      'UNAVAILABLE',
    ])
    expect(await jobCount(errand)).toBe(2)
  })
})

describe('enqueueMany with atomic', () => {
  it('enqueues all, in one request', async () => {
    await using errand = await testErrand(workers)
    const { client, sent } = clientOf(errand)
    const [mail, total] = await client.enqueueMany(
      [
        { worker: 'mail.send', args: { to: 'ada@example.org', at: new Date(0) } },
        { worker: 'shop.total', args: { amount: '21' } },
      ],
      { atomic: true },
    )
    expect(sent.map(({ input }) => input.atomic)).toEqual([true])
    if (!mail.ok || !total.ok) throw new Error('refused')
    expect([await mail.job.result(), await total.job.result()]).toEqual([
      { sentTo: 'ada@example.org', at: new Date(0) },
      { doubled: 42 },
    ])
  })

  it('enqueues none where one is refused, and names it', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    const items = [{ worker: 'tick' }, { worker: 'mail.bounce', args: {} }] as const
    // @ts-expect-error `code` is missing
    await expect(client.enqueueMany(items, { atomic: true })).rejects.toMatchObject({
      code: 'ATOMIC_REFUSED',
      issues: [{ path: ['jobs', 1, 'args', 'code'] }],
    })
    expect(await jobCount(errand)).toBe(0)
  })

  it('sends nothing where one cannot be sent, or not all in one request', async () => {
    await using errand = await testErrand(workers)
    const { client, sent } = clientOf(errand)
    const send = (items: EnqueueItem<Jobs, 'tick' | 'mail.send'>[]) => client.enqueueMany(items, { atomic: true })
    await expect(send([{ worker: 'tick' }, { worker: 'tick', runAt: new Date(Number.NaN) }])).rejects.toMatchObject({
      code: 'ATOMIC_REFUSED',
      issues: [{ path: ['jobs', 1], code: 'invalid_time' }],
    })
    const tooMany = Array.from({ length: enqueueManyLimit + 1 }, () => ({ worker: 'tick' }) as const)
    await expect(send(tooMany)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
    const half = { worker: 'mail.send', args: { to: 'x'.repeat(maxTogetherSize / 2) } } as const
    await expect(send([half, half])).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
    expect(await send([])).toEqual([])
    expect(sent).toEqual([])
  })
})

describe('a request', () => {
  const sizesOf = (sizes: number[]) => [...inRequests(sizes, (size) => size)].map((request) => request.length)

  it('holds as many jobs as the coordinator takes, and no more characters than are quick to send', () => {
    expect(sizesOf(Array.from({ length: 2 * enqueueManyLimit + 1 }, () => 1))).toEqual([
      enqueueManyLimit,
      enqueueManyLimit,
      1,
    ])
    const half = maxRequestSize / 2
    expect(sizesOf([half, half, 1, half, half])).toEqual([2, 2, 1])
  })

  it('holds one job alone that is larger than a request should be', () => {
    expect(sizesOf([1, 2 * maxRequestSize, 1])).toEqual([1, 1, 1])
  })
})

describe('an enqueue whose coordinator is away', () => {
  const awayError = { code: 'UNAVAILABLE', message: 'It is stopping.' }
  const unavailable = () =>
    Response.json(
      { error: { json: { message: 'away', code: -32_603, data: { code: 'SERVICE_UNAVAILABLE', errand: awayError } } } },
      { status: 503 },
    )

  it.each<[string, (sent: () => Promise<Response>) => Promise<Response>]>([
    ['is refused', () => Promise.reject(refused())],
    [
      'cuts the connection before the request is there',
      () => Promise.reject(new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } })),
    ],
    [
      'stores the job, and then cuts the connection',
      async (sent) => {
        await sent()
        throw new TypeError('terminated', { cause: { code: 'UND_ERR_SOCKET' } })
      },
    ],
    [
      'stores the job, and a proxy answers in its place',
      async (sent) => {
        await sent()
        return new Response('<html>', { status: 502, headers: { 'content-type': 'text/html' } })
      },
    ],
    ['has no database', async () => unavailable()],
  ])('makes one job, sent by itself until it is taken: it %s', async (_, meets) => {
    const clock = observedClock()
    await using errand = await testErrand(workers, { clock })
    let requests = 0
    const send = (input: string, init: RequestInit) => async () => errand.coordinator.fetch(new Request(input, init))
    const { client } = clientOf(
      { ...errand, clock },
      {
        fetch: (input, init) => {
          requests++
          return requests <= 2 ? meets(send(input, init)) : send(input, init)()
        },
      },
    )
    const first = clock.slept(200)
    const asked = client.enqueue('mail.send', { to: 'ada@example.org' }, { delay: '1d' })
    await first
    const second = clock.slept(400)
    await clock.advance('200ms')
    await second
    await clock.advance('400ms')
    const job = await asked
    expect({ requests, stored: await jobCount(errand) }).toEqual({ requests: 3, stored: 1 })
    expect(await client.jobs.get(job.id)).toMatchObject({ state: 'scheduled' })
  })

  it('is tried again for as long as it was told, and all or none of many too', async () => {
    const clock = observedClock()
    await using errand = await testErrand(workers, { clock })
    let requests = 0
    const { client } = clientOf(
      { ...errand, clock },
      {
        retryFor: '1s',
        fetch: async (input, init) => {
          requests++
          const answer = await errand.coordinator.fetch(new Request(input, init))
          if (requests === 1) throw refused()
          return requests > 2 ? Promise.reject(refused()) : answer
        },
      },
    )
    const items = [1, 2].map(() => ({ worker: 'tick', delay: '1d' }) as const)
    const slept = clock.slept(200)
    const asked = client.enqueueMany(items, { atomic: true })
    await slept
    await clock.advance('200ms')
    expect((await asked).map((outcome) => outcome.ok && outcome.job.existing)).toEqual([true, true])
    expect(await jobCount(errand)).toBe(2)

    const first = clock.slept(200)
    const failing = client.enqueue('tick', {}, { delay: '1d' })
    failing.catch(() => {})
    await first
    const second = clock.slept(400)
    await clock.advance('200ms')
    await second
    await clock.advance('400ms')
    await expect(failing).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect({ requests, stored: await jobCount(errand) }).toEqual({ requests: 5, stored: 3 })
  })
})
