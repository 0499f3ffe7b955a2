import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { testErrand } from '../../support/errand.js'

const send = defineJob({
  args: z.object({ to: z.object({ address: z.email() }), count: z.number().int().optional() }),
  priority: 3,
  run: () => null,
})
const workers = { 'mail.send': send }
const good = { worker: 'mail.send', args: { to: { address: 'ada@example.org' } } }

describe('POST /job', () => {
  it('stores a job that is due now, with the defaults of its worker', async () => {
    await using errand = await testErrand(workers)
    const { status, body } = await errand.post('/job', good)
    expect(status).toBe(201)
    expect(body).toEqual({ id: expect.any(String), state: 'queued', runAt: '2030-01-01T00:00:00.000Z' })
    await errand.run()
    expect(await errand.get(body.id)).toMatchObject({
      state: 'succeeded',
      priority: 3,
      maxAttempts: 5,
      args: good.args,
    })
  })

  it.each([
    ['ISO 8601 with an offset', { runAt: '2030-06-01T12:00:00+02:00' }, '2030-06-01T10:00:00.000Z'],
    [
      'a local time in its zone',
      { runAt: '2030-06-01 10:00:00 AM', timezone: 'America/Montreal' },
      '2030-06-01T14:00:00.000Z',
    ],
    ['a local time, read as UTC', { runAt: '2030-06-01 10:00:00 PM' }, '2030-06-01T22:00:00.000Z'],
    ['a delay', { delay: '90s' }, '2030-01-01T00:01:30.000Z'],
    ['a time in the past, which means now', { runAt: '2020-01-01 10:00:00 AM' }, '2030-01-01T00:00:00.000Z'],
  ])('reads %s', async (_, when, runAt) => {
    await using errand = await testErrand(workers)
    const { status, body } = await errand.post('/job', { ...good, ...when })
    expect({ status, runAt: body.runAt }).toEqual({ status: 201, runAt })
    expect(body.state).toBe(runAt > '2030-01-01T00:00:00.000Z' ? 'scheduled' : 'queued')
  })

  it.each([
    ['malformed JSON', '{"worker":', 400, 'BAD_REQUEST', [[]]],
    ['an unknown field', { ...good, foo: 1 }, 400, 'BAD_REQUEST', [['foo']]],
    ['a missing worker', { args: {} }, 400, 'BAD_REQUEST', [['worker']]],
    ['args that are no object', { ...good, args: [] }, 400, 'BAD_REQUEST', [['args']]],
    [
      'args that do not fit, each with its path',
      { ...good, args: { to: { address: 'nobody' }, count: 1.5 } },
      400,
      'INVALID_ARGS',
      [['to', 'address'], ['count']],
    ],
    ['runAt and cron together', { ...good, runAt: '2031-01-01', cron: '* * * * *' }, 400, 'BAD_REQUEST', [['cron']]],
    ['runAt and delay together', { ...good, runAt: '2031-01-01', delay: '1s' }, 400, 'BAD_REQUEST', [['delay']]],
    ['an impossible cron', { ...good, cron: '99 * * * *' }, 400, 'INVALID_TIME', [['cron']]],
    ['a date that never comes', { ...good, cron: '0 0 30 2 *' }, 400, 'INVALID_TIME', [['cron']]],
    ['an impossible date', { ...good, runAt: '2031-02-30' }, 400, 'INVALID_TIME', [['runAt']]],
    [
      'an unknown time zone',
      { ...good, cron: '* * * * *', timezone: 'Mars/Base' },
      400,
      'INVALID_TIME',
      [['timezone']],
    ],
    ['a duration without a unit', { ...good, delay: 30 }, 400, 'BAD_REQUEST', [['delay']]],
    [
      'meta that does not fit',
      { ...good, argsMeta: { values: { '__proto__.x': ['Date'] } } },
      400,
      'INVALID_ARGS',
      [['argsMeta']],
    ],
  ])('refuses %s, and stores nothing', async (_, request, status, code, paths) => {
    await using errand = await testErrand(workers)
    const answer = await errand.post('/job', request)
    expect({ status: answer.status, code: answer.body.error.code }).toEqual({ status, code })
    expect(answer.body.error.issues.map(({ path }: { path: unknown }) => path)).toEqual(paths)
    expect(await errand.database.db.collection('errand_jobs').countDocuments()).toBe(0)
    expect(await errand.database.db.collection('errand_schedules').countDocuments()).toBe(0)
  })

  it('names the nearest worker for an unknown one', async () => {
    await using errand = await testErrand(workers)
    const { status, body } = await errand.post('/job', { worker: 'mail.sned', args: {} })
    expect(status).toBe(404)
    expect(body.error).toMatchObject({ code: 'UNKNOWN_WORKER', worker: 'mail.sned' })
    expect(body.error.message).toContain('Did you mean "mail.send"?')
  })

  it('refuses a body that is too large, announced or not', async () => {
    await using errand = await testErrand(workers, { maxBodyBytes: 1_000 })
    const large = { ...good, args: { ...good.args, padding: 'x'.repeat(2_000) } }
    expect(await errand.post('/job', large)).toMatchObject({
      status: 413,
      body: { error: { code: 'PAYLOAD_TOO_LARGE' } },
    })
    const response = await errand.coordinator.fetch(
      new Request('http://coordinator.test/job', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: new Blob([JSON.stringify(large)]).stream(),
        duplex: 'half',
      } as RequestInit),
    )
    expect(response.status).toBe(413)
  })

  it('takes JSON only, so that a page of another origin cannot post without asking', async () => {
    await using errand = await testErrand(workers)
    const answer = await errand.post('/job', good, { 'content-type': 'text/plain' })
    expect(answer).toMatchObject({ status: 415, body: { error: { code: 'UNSUPPORTED_MEDIA_TYPE' } } })
  })

  it('says who holds a key, and frees it when that job is final', async () => {
    await using errand = await testErrand(workers)
    const first = await errand.post('/job', { ...good, key: 'order-1', delay: '1m' })
    const second = await errand.post('/job', { ...good, key: 'order-1' })
    expect(second).toMatchObject({
      status: 409,
      body: { id: first.body.id, error: { code: 'KEY_TAKEN', id: first.body.id } },
    })
    await errand.clock.advance('1m')
    await errand.run()
    expect((await errand.post('/job', { ...good, key: 'order-1' })).status).toBe(201)
  })

  it('lets one of many win a key', async () => {
    await using errand = await testErrand(workers)
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => errand.post('/job', { ...good, key: 'only', delay: '1m' })),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    const winner = answers.find(({ status }) => status === 201)!.body.id
    expect(new Set(answers.filter(({ status }) => status === 409).map(({ body }) => body.error.id))).toEqual(
      new Set([winner]),
    )
  })

  it('never repeats args in an error', async () => {
    await using errand = await testErrand(workers)
    const { body } = await errand.post('/job', {
      ...good,
      args: { to: { address: 'hunter2-secret' }, count: 'hunter2-secret' },
    })
    expect(JSON.stringify(body)).not.toContain('hunter2')
  })
})

describe('GET and DELETE /job/:id', () => {
  it('knows no other jobs and no other routes', async () => {
    await using errand = await testErrand(workers)
    const fetch = (path: string, method = 'GET') =>
      errand.coordinator.fetch(new Request(`http://coordinator.test${path}`, { method }))
    expect((await fetch('/job/nobody')).status).toBe(404)
    expect((await fetch('/job/nobody', 'DELETE')).status).toBe(404)
    expect((await fetch('/jbo')).status).toBe(404)
    expect((await fetch('/healthz')).status).toBe(200)
    expect((await fetch('/readyz')).status).toBe(503)
    await errand.coordinator.start()
    expect((await fetch('/readyz')).status).toBe(200)
    expect(await (await fetch('/metrics')).text()).toContain('errand_jobs')
    expect(await (await fetch('/openapi.json')).json()).toMatchObject({ openapi: '3.1.0' })
  })

  it('cancels a job that waits; a second time changes nothing', async () => {
    await using errand = await testErrand(workers)
    const { body } = await errand.post('/job', { ...good, delay: '1m' })
    const cancel = async () => {
      const response = await errand.coordinator.fetch(
        new Request(`http://coordinator.test/job/${body.id}`, { method: 'DELETE' }),
      )
      return { status: response.status, body: await response.json() }
    }
    expect(await cancel()).toEqual({ status: 200, body: { id: body.id, state: 'cancelled' } })
    expect(await cancel()).toEqual({ status: 200, body: { id: body.id, state: 'cancelled' } })
    await errand.clock.advance('1m')
    await errand.run()
    expect(await errand.get(body.id)).toMatchObject({ state: 'cancelled', attempt: 0, receipts: [] })
  })
})

describe('without API keys', () => {
  it('answers to loopback names only, so that a page cannot rebind its own name to this machine', async () => {
    await using errand = await testErrand(workers)
    const as = async (host: string) => (await errand.post('/job', good, { host })).status
    expect(await as('localhost:4100')).toBe(201)
    expect(await as('127.0.0.1:4100')).toBe(201)
    expect(await as('[::1]:4100')).toBe(201)
    expect(await as('evil.example.org:4100')).toBe(403)
    expect(await as('127.evil.example.org')).toBe(403)
  })
})

describe('API keys', () => {
  const apiKeys = [
    { role: 'enqueue' as const, key: 'the-key-of-an-app-1' },
    { role: 'observe' as const, key: 'the-key-of-a-viewer' },
    { role: 'operate' as const, key: 'the-key-of-an-admin' },
  ]

  it('asks for a key, and for the right role', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const as = (key: string) => ({ authorization: `Bearer ${key}` })
    expect((await errand.post('/job', good)).status).toBe(401)
    expect((await errand.post('/job', good, as('the-key-of-nobody-1'))).status).toBe(401)
    expect((await errand.post('/job', good, as('the-key-of-a-viewer'))).status).toBe(403)
    const { status, body } = await errand.post('/job', good, as('the-key-of-an-app-1'))
    expect(status).toBe(201)
    const cancel = (key: string) =>
      errand.coordinator.fetch(
        new Request(`http://coordinator.test/job/${body.id}`, { method: 'DELETE', headers: as(key) }),
      )
    expect((await cancel('the-key-of-an-app-1')).status).toBe(403)
    await errand.coordinator.dispatcher.idle()
    expect((await cancel('the-key-of-an-admin')).status).toBe(409)
  })
})
