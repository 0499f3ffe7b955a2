import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { listen } from '../../../server/api/listen.js'
import { clientOf, gate, observedClock } from '../../client/support.js'
import { testErrand, type TestErrand, type TestErrandOptions } from '../../support/errand.js'
import { handOperated, pathOf } from '../../support/handOperated.js'

const work = defineJob({ args: z.looseObject({}), receipt: 'posted', run: () => null })
const url = 'http://coordinator.test'
const json = { 'content-type': 'application/json' }

/** Bulk is refused from 30 jobs on, single jobs from 10 on. */
const maxWaiting = { jobs: 40 }

const item = (n: number) => ({ worker: 'work', args: { n }, delay: '1d' })
const items = (count: number) => Array.from({ length: count }, (_, n) => item(n))
/** Too large for the lane of single jobs, whatever it says. */
const bulkOf = (count: number) => ({ jobs: [...items(count - 1), { ...item(-1), args: { pad: 'x'.repeat(16_400) } }] })

/** A coordinator whose database takes what it is given when the test says so. */
async function slowErrand(options: TestErrandOptions = {}) {
  const errand = await testErrand({ work }, { maxWaiting, ...options })
  const { jobs } = errand.coordinator.deps.store
  const insertMany = jobs.insertMany.bind(jobs)
  const begun = gate()
  const { opened, open } = gate()
  jobs.insertMany = async (documents) => {
    begun.open()
    await opened
    return insertMany(documents)
  }
  return Object.assign(errand, { writing: begun.opened, write: open })
}

const storedIn = ({ database }: TestErrand) => database.db.collection('errand_jobs').countDocuments()

/** As `errand.post`, and tells what became of the body. */
async function send({ coordinator }: TestErrand, path: string, body: unknown, headers: Record<string, string> = {}) {
  const text = JSON.stringify(body)
  const request = new Request(`${url}${path}`, {
    method: 'POST',
    headers: { ...json, 'content-length': String(Buffer.byteLength(text)), ...headers },
    body: text,
  })
  const response = await coordinator.fetch(request)
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    wasRead: request.bodyUsed,
    body: await response.json(),
  }
}

const trpc = (input: unknown) => ({ json: input })

describe('a coordinator with as much to write as it holds', () => {
  it('refuses more before it reads it, says when to come again, and takes it when the write has ended', async () => {
    await using errand = await slowErrand()
    const first = errand.post('/jobs', bulkOf(30))
    await errand.writing
    await errand.clock.advance('2500ms')
    const refused = await send(errand, '/jobs', bulkOf(1))
    expect(refused).toMatchObject({ status: 503, retryAfter: '3', wasRead: false })
    expect(refused.body.error).toMatchObject({ code: 'OVERLOADED', retryAfter: 3 })
    expect(refused.body.error.message).toContain('Nothing of this request was stored. Send it again after 3 s.')
    errand.write()
    expect((await first).body.outcomes).toHaveLength(30)
    expect(await storedIn(errand)).toBe(30)
    expect((await send(errand, '/jobs', bulkOf(2))).body.outcomes).toMatchObject([{ ok: true }, { ok: true }])
    expect(await storedIn(errand)).toBe(32)
  })

  it('says the same at the other door', async () => {
    await using errand = await slowErrand()
    const first = errand.post('/trpc/enqueueMany', trpc(bulkOf(30)))
    await errand.writing
    const refused = await send(errand, '/trpc/enqueueMany', trpc(bulkOf(1)))
    expect(refused).toMatchObject({ status: 503, retryAfter: '1', wasRead: false })
    expect(refused.body.error.json.data.errand).toMatchObject({ code: 'OVERLOADED', retryAfter: 1 })
    const group = await send(errand, '/trpc/group', trpc(bulkOf(1)))
    expect(group).toMatchObject({ status: 503, wasRead: false })
    errand.write()
    expect((await first).status).toBe(200)
  })

  it('still takes single jobs, up to their share', async () => {
    await using errand = await slowErrand()
    const bulk = errand.post('/jobs', bulkOf(30))
    await errand.writing
    const singles = items(9).map((job) => errand.post('/job', job))
    const few = send(errand, '/jobs', { jobs: items(1) })
    const refused = await Promise.all([
      send(errand, '/job', item(1)),
      send(errand, '/jobs', { jobs: items(1) }),
      send(errand, '/trpc/enqueue', trpc(item(1))),
      send(errand, '/trpc/schedule', trpc({ id: 's', worker: 'work', args: {}, cron: '* * * * *' })),
    ])
    expect(refused).toMatchObject(refused.map(() => ({ status: 503, retryAfter: '1', wasRead: false })))
    errand.write()
    expect((await Promise.all(singles)).map(({ status }) => status)).toEqual(singles.map(() => 201))
    expect((await few).status).toBe(200)
    expect((await bulk).status).toBe(200)
    expect(await storedIn(errand)).toBe(40)
  })

  it('refuses a body that turns out to hold more jobs than its size said, and stores none of it', async () => {
    await using errand = await slowErrand()
    const first = errand.post('/jobs', bulkOf(10))
    await errand.writing
    const others = [send(errand, '/jobs', bulkOf(20)), send(errand, '/jobs', bulkOf(20))]
    const refused = await Promise.race(others)
    expect(refused).toMatchObject({ status: 503, wasRead: true, body: { error: { code: 'OVERLOADED' } } })
    errand.write()
    const [taken] = (await Promise.all([first, ...others])).slice(1).filter((answer) => answer !== refused)
    expect(taken!.body.outcomes).toHaveLength(20)
    expect(await storedIn(errand)).toBe(30)
  })

  it('stops reading a body in chunks where others fill it meanwhile', async () => {
    await using errand = await slowErrand({ maxWaiting: { bytes: 100_000 } })
    const chunks = new TransformStream<Uint8Array, Uint8Array>()
    const body = chunks.writable.getWriter()
    const chunk = Buffer.from(`{"jobs":[${' '.repeat(1_000)}`)
    const chunked = errand.coordinator.fetch(
      // a body that is a stream says so, which the types of the DOM do not know
      new Request(`${url}/jobs`, {
        method: 'POST',
        headers: json,
        body: chunks.readable,
        duplex: 'half',
      } as RequestInit),
    )
    await body.write(chunk)
    const large = errand.post('/jobs', { jobs: [{ ...item(1), args: { pad: 'x'.repeat(80_000) } }] })
    await errand.writing
    await body.write(chunk).catch(() => {})
    const response = await chunked
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
    errand.write()
    expect((await large).status).toBe(200)
  })

  it('takes a group as large as groups may be, where nothing else waits', async () => {
    await using errand = await testErrand({ work }, { maxWaiting })
    const made = await errand.post('/groups', { jobs: [...items(9_000), { group: items(900) }] })
    expect(made).toMatchObject({ status: 201, body: { total: 9_001 } })
    expect(await storedIn(errand)).toBe(9_900)
  })

  it('has room again when a write has failed', async () => {
    await using errand = await testErrand({ work }, { maxWaiting })
    errand.coordinator.deps.store.jobs.insertMany = () => Promise.reject(new Error('the database is full'))
    for (let n = 0; n < 3; n++) {
      const { body } = await errand.post('/jobs', bulkOf(30))
      expect(body.outcomes[0].error.code).toBe('INTERNAL')
    }
    expect(errand.coordinator.deps.intake.waiting('bulk')).toEqual({ requests: 0, jobs: 0, bytes: 0 })
  })

  it('asks who calls first', async () => {
    await using errand = await slowErrand({ apiKeys: [{ role: 'enqueue', key: 'k'.repeat(20) }] })
    const authorization = `Bearer ${'k'.repeat(20)}`
    const first = errand.post('/jobs', bulkOf(30), { authorization })
    await errand.writing
    expect((await send(errand, '/jobs', bulkOf(1))).status).toBe(401)
    expect((await send(errand, '/jobs', bulkOf(1), { authorization })).status).toBe(503)
    errand.write()
    await first
  })

  it('tells how much waits and how often it refused', async () => {
    await using errand = await slowErrand()
    const first = errand.post('/jobs', bulkOf(30))
    await errand.writing
    await send(errand, '/jobs', bulkOf(1))
    const response = await errand.coordinator.fetch(new Request(`${url}/metrics`))
    const metrics = await response.text()
    expect(metrics).toContain('errand_intake_requests{lane="bulk"} 1')
    expect(metrics).toContain('errand_intake_jobs{lane="bulk"} 30')
    expect(metrics).toMatch(/errand_intake_bytes\{lane="bulk"\} 17\d{3}\n/)
    expect(metrics).toContain('errand_intake_refused_total{lane="bulk"} 1')
    expect(metrics).toContain('errand_intake_refused_total{lane="single"} 0')
    errand.write()
    await first
  })
})

describe('attempts that run while too much waits to be written', () => {
  it('end: their receipts and heartbeats are taken', async () => {
    const functions = handOperated()
    await using errand = await slowErrand({ invoke: functions.invoke, maxWaiting: { jobs: 4 } })
    errand.write()
    await errand.enqueue('work')
    const { call, answer } = await functions.next()
    answer({ kind: 'accepted' })
    using _bulk = errand.coordinator.deps.intake.enter('bulk', 1_000_000)
    using _single = errand.coordinator.deps.intake.enter('single', 1_000)
    expect((await send(errand, pathOf(call, 'enqueue'), { ...item(1), call: '#1' })).status).toBe(503)
    expect((await send(errand, pathOf(call, 'heartbeat'), {})).status).toBe(200)
    expect((await send(errand, pathOf(call), { status: 'success' })).body).toEqual({ recorded: true })
    expect((await errand.get(call.id)).state).toBe('succeeded')
  })
})

describe('a body that does not come to its end', () => {
  it('gives its place back when it was waited for long enough', async () => {
    await using errand = await testErrand({ work }, { maxWaiting: { bytes: 10_000 } })
    const { coordinator } = errand
    const listening = await listen({
      fetch: (request) => coordinator.fetch(request),
      host: '127.0.0.1',
      port: 0,
      setting: 'PORT',
      arrivalMs: 200,
    })
    const { port, host } = new URL(listening.url)
    const socket = connect(Number(port), '127.0.0.1')
    const answered = once(socket, 'data') as Promise<[Buffer]>
    socket.write(
      `POST /jobs HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{"jobs":[`,
    )
    expect(String((await answered)[0])).toContain('408')
    while (coordinator.deps.intake.waiting('bulk').requests > 0) await new Promise(setImmediate)
    expect((await send(errand, '/jobs', bulkOf(1))).status).toBe(200)
    socket.destroy()
    await listening.close()
  })
})

describe('the typed client of a coordinator that is overloaded', () => {
  it('waits until there is room, and loses and doubles nothing', async () => {
    const clock = observedClock()
    await using errand = await slowErrand({ clock })
    const { client, sent } = clientOf({ ...errand, clock })
    const first = errand.post('/jobs', bulkOf(30))
    await errand.writing
    const paused = clock.slept(1_500)
    const many = client.enqueueMany(bulkOf(25).jobs as { worker: 'tick'; args: object; delay: '1d' }[])
    await paused
    errand.write()
    await first
    await clock.advance('1500ms')
    expect((await many).every(({ ok }) => ok)).toBe(true)
    expect({ requests: sent.length, stored: await storedIn(errand) }).toEqual({ requests: 2, stored: 55 })
  })
})
