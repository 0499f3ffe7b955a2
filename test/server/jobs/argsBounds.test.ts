import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createClient } from '../../../client/index.js'
import { defineJob } from '../../../core/index.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import { nested, nestedJson } from '../../support/nested.js'

const any = defineJob({ args: z.looseObject({}), retry: { attempts: 1 }, run: () => null })
const list = defineJob({ args: z.object({ items: z.array(z.object({ a: z.string() })) }), run: () => null })
const choice = defineJob({
  args: z.object({ items: z.array(z.union([z.object({ a: z.string() }), z.object({ b: z.string() }), z.string()])) }),
  run: () => null,
})
const strict = defineJob({ args: z.strictObject({ a: z.string() }), run: () => null })
const start = (options = {}) => testErrand({ any, list, choice, strict }, options)

/** The processor time that it takes, in milliseconds; a busy machine makes it no longer. */
async function costOf<T>(act: () => Promise<T>): Promise<[T, number]> {
  const before = process.cpuUsage()
  const answer = await act()
  const { user, system } = process.cpuUsage(before)
  return [answer, (user + system) / 1_000]
}

const trpc = (errand: TestErrand, procedure: string, input: unknown) =>
  errand.post(`/trpc/${procedure}`, { json: input })

const jobs = ({ database }: TestErrand) => database.db.collection('errand_jobs').countDocuments()

describe('args nested too deep', () => {
  it.each([101, 1_500, 20_000])('are refused by every door: %i levels', async (levels) => {
    await using errand = await start()
    const text = nestedJson(levels)
    await errand.post('/schedules', { id: 's', worker: 'any', every: '1h' })
    const refusals = [
      errand.post('/job', `{"worker":"any","args":${text}}`),
      errand.post('/job', `{"worker":"any","args":{},"argsMeta":{"values":${text}}}`),
      errand.post('/job', `{"worker":"any","every":"1h","args":${text}}`),
      errand.post('/schedules', `{"worker":"any","every":"1h","args":${text}}`),
      errand.post('/jobs', `{"atomic":true,"jobs":[{"worker":"any","args":${text}}]}`),
      errand.post('/groups', `{"jobs":[{"worker":"any","args":${text}}]}`),
      errand.post('/groups', `{"jobs":[{"worker":"any"}],"then":{"worker":"any","args":${text}}}`),
      errand.post('/trpc/enqueue', `{"json":{"worker":"any","args":${text}}}`),
      errand.post('/trpc/schedule', `{"json":{"worker":"any","every":"1h","args":${text}}}`),
      errand.post('/trpc/schedules.update', `{"json":{"id":"s","args":${text}}}`),
    ]
    for (const { status, body } of await Promise.all(refusals)) {
      expect(status).toBe(400)
      expect(JSON.stringify(body.error)).toMatch(/100 levels/)
    }
    expect(await jobs(errand)).toBe(0)
  })

  it('are refused in their place, and the other jobs go in', async () => {
    await using errand = await start()
    const { status, body } = await errand.post(
      '/jobs',
      `{"jobs":[{"worker":"any"},{"worker":"any","args":${nestedJson(20_000)}},{"worker":"any"}]}`,
    )
    expect(status).toBe(200)
    expect(body.outcomes).toMatchObject([{ ok: true }, { ok: false, error: { code: 'INVALID_ARGS' } }, { ok: true }])
  })

  it('are refused by a replay, and a child job', async () => {
    await using errand = await start()
    const id = await errand.enqueue('any')
    await errand.run()
    const { status, body } = await errand.post(`/job/${id}/replay`, `{"args":${nestedJson(5_000)}}`)
    expect([status, body.error.code]).toEqual([400, 'INVALID_ARGS'])
  })

  it('are refused by the typed client before they are sent', async () => {
    const errand = createClient({ url: 'http://coordinator.test', fetch: () => Promise.reject(new Error('asked')) })
    await expect(errand.enqueue('any' as never, nested(101) as never)).rejects.toThrow(
      /args of any are nested more than 100/,
    )
  })

  it('may be 100 levels', async () => {
    await using errand = await start()
    const { status } = await errand.post('/job', `{"worker":"any","args":${nestedJson(100)}}`)
    expect(status).toBe(201)
  })
})

describe('the size of one job of many', () => {
  const large = { worker: 'any', args: { text: 'x'.repeat(1_100_000) } }

  it('is that of a single one: a larger job is refused in its place, and the others go in', async () => {
    await using errand = await start()
    const { body } = await errand.post('/jobs', { jobs: [{ worker: 'any' }, large, { worker: 'any' }] })
    expect(body.outcomes).toMatchObject([
      { ok: true },
      { ok: false, error: { code: 'PAYLOAD_TOO_LARGE', maxBytes: 1_048_576 } },
      { ok: true },
    ])
    expect(body.outcomes[1].error.message).not.toContain('xx')
  })

  it('is held in all other doors, with the meta', async () => {
    await using errand = await start({ maxBodyBytes: 2_000 })
    const big = { worker: 'any', args: { text: 'x'.repeat(1_990) } }
    const meta = { worker: 'any', args: { a: null }, argsMeta: { values: { a: ['undefined'] }, x: 'x'.repeat(2_000) } }
    for (const item of [big, meta]) {
      const atomic = await errand.post('/jobs', { atomic: true, jobs: [{ worker: 'any' }, item] })
      expect(atomic).toMatchObject({
        status: 400,
        body: { error: { issues: [{ path: ['jobs', 1], code: 'payload_too_large' }] } },
      })
      const group = await errand.post('/groups', { jobs: [{ group: [item] }] })
      expect(group).toMatchObject({ status: 400, body: { error: { issues: [{ code: 'payload_too_large' }] } } })
      const then = await errand.post('/groups', { jobs: [], then: item })
      expect(then).toMatchObject({
        status: 400,
        body: { error: { issues: [{ path: ['then'], code: 'payload_too_large' }] } },
      })
      const many = await trpc(errand, 'enqueueMany', { jobs: [{ worker: 'any' }, item] })
      expect(many.body.result.data.json.outcomes).toMatchObject([
        { ok: true },
        { ok: false, error: { code: 'PAYLOAD_TOO_LARGE' } },
      ])
      for (const [procedure, input] of [
        ['enqueue', item],
        ['schedule', { ...item, every: '1h' }],
      ] as const) {
        expect((await trpc(errand, procedure, input)).status).toBe(413)
      }
    }
    expect(await jobs(errand)).toBe(2)
  })
})

describe('what is wrong with an input', () => {
  const wrong = (count: number) => `[${'1,'.repeat(count - 1)}1]`

  it('is told in a hundred issues, and their number', async () => {
    await using errand = await start()
    const { status, body } = await errand.post('/job', `{"worker":"list","args":{"items":${wrong(1_000)}}}`)
    expect(status).toBe(400)
    expect(body.error.issues).toHaveLength(100)
    expect(body.error.issues[99].path).toEqual(['items', 99])
    expect(body.error).toMatchObject({ code: 'INVALID_ARGS', issuesInAll: 1_000 })
    expect(body.error.message).toContain('And 997 more.')
  })

  it.each([
    ['list', `{"items":${wrong(490_000)}}`],
    ['choice', `{"items":[${'{"c":1},'.repeat(120_000)}1]}`],
    ['strict', `{${Array.from({ length: 80_000 }, (_, n) => `"k${n}":1`).join(',')}}`],
  ])('is not looked for to the end where there is very much of it: args of %s', async (worker, args) => {
    await using errand = await start()
    await errand.post('/job', { worker, args: {} })
    const [{ status, body }, costMs] = await costOf(() => errand.post('/job', `{"worker":"${worker}","args":${args}}`))
    expect([status, body.error.code]).toEqual([400, 'INVALID_ARGS'])
    expect(body.error.issues.length).toBeLessThanOrEqual(100)
    expect(body.error.message).toContain('very much')
    expect(JSON.stringify(body).length).toBeLessThan(100_000)
    // reading the body as JSON takes the most of it
    expect(costMs).toBeLessThan(1_500)
  })

  it('is told of many jobs as well in a hundred issues', async () => {
    await using errand = await start()
    const bad = { worker: 'list', args: { items: Array.from({ length: 20 }, () => 1) } }
    const items = Array.from({ length: 500 }, () => bad)
    const atomic = await errand.post('/jobs', { atomic: true, jobs: items })
    expect(atomic.body.error.issues).toHaveLength(100)
    expect(atomic.body.error).toMatchObject({ code: 'ATOMIC_REFUSED', issuesInAll: 10_000 })
    expect(atomic.body.error.message).toContain('And 9997 more.')
    const each = await errand.post('/jobs', { jobs: items })
    for (const { error } of each.body.outcomes) {
      expect(error.issues).toHaveLength(3)
      expect(error.message).toContain('And 17 more.')
    }
  })

  it.each([
    ['/job', `{"worker":"any",${Array.from({ length: 50_000 }, (_, n) => `"k${n}":1`).join(',')}}`],
    ['/jobs', `{${Array.from({ length: 90_000 }, (_, n) => `"k${n}":1`).join(',')}}`],
    ['/pauses', `{${Array.from({ length: 900 }, (_, n) => `"k${n}":1`).join(',')}}`],
    ['/trpc/jobs.waitMany', `{"json":{"ids":${wrong(120_000)}}}`],
    ['/trpc/jobs.cancelMany', `{"json":{"dryRun":true,"filter":{"state":${wrong(120_000)}}}}`],
    ['/trpc/keys.create', `{"json":{"name":"k","role":"enqueue","workers":${wrong(120_000)}}}`],
  ])('is a hundred issues of any request: %s', async (path, text) => {
    await using errand = await start()
    await errand.post(path, {})
    const [{ status, body }, costMs] = await costOf(() => errand.post(path, text))
    const error = body.error.json?.data.errand ?? body.error
    expect([status, error.code]).toEqual([400, 'BAD_REQUEST'])
    expect(error.issues.length).toBeLessThanOrEqual(100)
    expect(JSON.stringify(body).length).toBeLessThan(100_000)
    expect(costMs).toBeLessThan(2_500)
  })
})

it('keeps of a filter in a filter no more than one can be', async () => {
  await using errand = await start()
  const filter = nestedJson(20_000, 'filter')
  const { status, body } = await errand.post('/trpc/jobs.cancelMany', `{"json":${filter}}`)
  expect([status, body.error.json.data.errand.code]).toEqual([400, 'BAD_REQUEST'])
})
