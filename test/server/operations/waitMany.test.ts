import type { JobEnd, NoJob } from '../../../core/views/answers.gen.js'
import { maxAwaited } from '../../../core/limits.js'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { readEvents } from '../../../client/eventStream.js'
import { defineJob, Fatal } from '../../../core/index.js'
import { listen } from '../../../server/api/listen.js'
import { testErrand, type TestErrand } from '../../support/errand.js'

const add = defineJob({ args: z.object({ a: z.number(), b: z.number() }), run: ({ a, b }) => a + b })
const fail = defineJob({
  args: z.object({}),
  run: () => {
    throw new Fatal('no')
  },
})
const slow = defineJob({ args: z.object({}), timeout: '1h', run: () => new Promise<null>(() => {}) })

type Fetch = (request: Request) => Response | Promise<Response>

const toCoordinator =
  ({ coordinator }: TestErrand): Fetch =>
  (request) =>
    coordinator.fetch(request)

/** The events as they come; the response is there at the first one. */
async function* subscribe(fetch: Fetch, ids: string[], init: RequestInit = {}) {
  const request = new Request('http://coordinator.test/trpc/jobs.ended', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ json: { ids } }),
    ...init,
  })
  yield* eventsOf(await fetch(request))
}

async function* eventsOf(response: Response) {
  for await (const { event, data } of readEvents(response.body!)) {
    if (event === 'message') yield (JSON.parse(data) as { json: JobEnd | NoJob }).json
    else yield event
  }
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = []
  for await (const item of items) list.push(item)
  return list
}

const cancel = (errand: TestErrand, id: string) =>
  errand.coordinator.fetch(new Request(`http://coordinator.test/job/${id}`, { method: 'DELETE' }))

const at = '2030-01-01T00:00:00.000Z'
const receipt = { attempt: 1, startedAt: at, finishedAt: at }

describe('the stream of ends', () => {
  it('tells of each job how it ended, and returns when all have', async () => {
    await using errand = await testErrand({ add, fail })
    const sum = await errand.enqueue('add', { a: 1, b: 2 })
    const failed = await errand.enqueue('fail')
    await errand.run()
    const cancelled = await errand.enqueue('add', { a: 1, b: 2 }, { delay: '1h' })
    const stream = subscribe(toCoordinator(errand), [sum, failed, cancelled, 'nobody'])
    expect((await stream.next()).value).toBe('connected')
    const first = [(await stream.next()).value, (await stream.next()).value, (await stream.next()).value]
    expect(first).toEqual([
      { id: sum, state: 'succeeded', finishedAt: at, receipt: { ...receipt, status: 'success', result: 3 } },
      {
        id: failed,
        state: 'failed',
        finishedAt: at,
        receipt: { ...receipt, status: 'failure', error: expect.objectContaining({ message: 'no' }) },
      },
      { id: 'nobody', state: null },
    ])
    await cancel(errand, cancelled)
    expect(await all(stream)).toEqual([{ id: cancelled, state: 'cancelled', finishedAt: at }, 'return'])
  })

  it('tells the receipt of the last attempt alone', async () => {
    let attempts = 0
    const flaky = defineJob({
      args: z.object({}),
      retry: { attempts: 3, backoff: ['1s'] },
      run: () => {
        if (++attempts < 3) throw new Error('not yet')
        return 'done'
      },
    })
    await using errand = await testErrand({ flaky })
    const id = await errand.enqueue('flaky')
    for (let n = 0; n < 3; n++) {
      await errand.run()
      await errand.clock.advance('1s')
    }
    expect(await all(subscribe(toCoordinator(errand), [id]))).toMatchObject([
      'connected',
      { id, receipt: { attempt: 3, result: 'done' } },
      'return',
    ])
  })

  it('finds within a second what another coordinator has finished', async () => {
    await using errand = await testErrand({ add })
    await using other = await testErrand({ add }, { beside: errand })
    const id = await errand.enqueue('add', { a: 1, b: 1 }, { delay: '1s' })
    const stream = subscribe(toCoordinator(errand), [id])
    expect((await stream.next()).value).toBe('connected')
    const end = stream.next()
    while (errand.clock.sleeping() === 0) await new Promise(setImmediate)
    await other.clock.advance('1s')
    await other.run()
    // its look that found nothing is over, and it sleeps again
    await errand.quiet()
    await errand.clock.advance('1s')
    expect((await end).value).toMatchObject({ id, state: 'succeeded' })
    expect((await stream.next()).value).toBe('return')
  })

  it('is there by GET too, and begins anew for one who comes back with an event id', async () => {
    await using errand = await testErrand({ add })
    const ids = [await errand.enqueue('add', { a: 1, b: 1 }), await errand.enqueue('add', { a: 2, b: 2 })]
    await errand.run()
    const url = new URL('http://coordinator.test/trpc/jobs.ended')
    url.searchParams.set('input', JSON.stringify({ json: { ids } }))
    const response = await errand.coordinator.fetch(new Request(url, { headers: { 'last-event-id': ids[0]! } }))
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(response.headers.get('cache-control')).toContain('no-cache')
    expect(response.headers.get('x-accel-buffering')).toBe('no')
    const text = await response.text()
    for (const id of ids) expect(text).toContain(`id: ${id}\n`)
  })

  it('asks for a role that may follow jobs, and for no more ids than it takes', async () => {
    const keys = [{ role: 'observe' as const, key: 'a-key-to-observe' }]
    await using errand = await testErrand({ add }, { apiKeys: keys })
    const refusal = async (ids: string[], headers: Record<string, string>) => {
      const response = await errand.coordinator.fetch(
        new Request('http://coordinator.test/trpc/jobs.ended', {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify({ json: { ids } }),
        }),
      )
      return /"errand":\{"code":"(\w+)"/.exec(await response.text())?.[1]
    }
    expect(await refusal(['a'], {})).toBe('UNAUTHORIZED')
    const observer = { authorization: 'Bearer a-key-to-observe' }
    expect(await refusal(['a'], observer)).toBeUndefined()
    expect(await refusal(Array<string>(maxAwaited + 1).fill('a'), observer)).toBe('BAD_REQUEST')
    expect(await refusal([], observer)).toBe('BAD_REQUEST')
    // the id of an event ends its line
    for (const id of ['a\nb', 'a\rb', '\0']) expect(await refusal(['a', id], observer)).toBe('BAD_REQUEST')
  })

  it('comes through a real socket event by event, and ends when the coordinator stops', async () => {
    await using errand = await testErrand({ add, slow })
    const listening = await listen({ fetch: toCoordinator(errand), host: '127.0.0.1', port: 0, setting: 'PORT' })
    const toSocket = (request: Request) => fetch(request.url.replace('http://coordinator.test', listening.url), request)
    const [first, second] = [await errand.enqueue('slow'), await errand.enqueue('slow')]
    const stream = subscribe(toSocket, [first, second])
    expect((await stream.next()).value).toBe('connected')
    await cancel(errand, first)
    expect((await stream.next()).value).toMatchObject({ id: first, state: 'cancelled' })
    await errand.coordinator.stop({ graceMs: 0 })
    expect((await stream.next()).value).toBe('return')
    await listening.close()
  })
})

describe('GET /job/:id/receipt', () => {
  const ask = async (errand: TestErrand, id: string, query = '') => {
    const response = await errand.coordinator.fetch(new Request(`http://coordinator.test/job/${id}/receipt${query}`))
    return { status: response.status, body: (await response.json()) as unknown }
  }

  it('answers with the receipt of a job that is final', async () => {
    await using errand = await testErrand({ add })
    const id = await errand.enqueue('add', { a: 2, b: 3 })
    await errand.run()
    expect(await ask(errand, id)).toEqual({
      status: 200,
      body: { id, state: 'succeeded', finishedAt: at, receipt: { ...receipt, status: 'success', result: 5 } },
    })
  })

  it('waits until the job is final', async () => {
    await using errand = await testErrand({ slow })
    const id = await errand.enqueue('slow')
    const asked = ask(errand, id)
    while (errand.clock.sleeping() === 0) await new Promise(setImmediate)
    await cancel(errand, id)
    expect(await asked).toEqual({ status: 200, body: { id, state: 'cancelled', finishedAt: at } })
  })

  it('answers 202 with the state when the time is over', async () => {
    await using errand = await testErrand({ add })
    const id = await errand.enqueue('add', { a: 2, b: 3 }, { delay: '1h' })
    expect(await ask(errand, id, '?timeout=0s')).toEqual({ status: 202, body: { id, state: 'scheduled' } })
    // an hour is more than a request is held open
    const asked = ask(errand, id, '?timeout=1h')
    while (errand.clock.sleeping() === 0) await new Promise(setImmediate)
    await errand.clock.advance('25s')
    expect(await asked).toEqual({ status: 202, body: { id, state: 'scheduled' } })
  })

  it('tells an unknown job and a time that is none', async () => {
    await using errand = await testErrand({ add })
    expect(await ask(errand, 'nobody')).toMatchObject({ status: 404, body: { error: { code: 'UNKNOWN_JOB' } } })
    expect(await ask(errand, 'nobody', '?timeout=10')).toMatchObject({
      status: 400,
      body: { error: { code: 'BAD_REQUEST', issues: [{ path: ['timeout'] }] } },
    })
    expect(await ask(errand, 'nobody', '?wait=1s')).toMatchObject({ status: 400 })
  })
})
