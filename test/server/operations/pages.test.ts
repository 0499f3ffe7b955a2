/** What one answer holds: so many at the most, and no more than eight million characters of args and results. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import { clientOf } from '../../client/support.js'

const million = 'x'.repeat(1_000_000)
const large = defineJob({ args: z.object({ text: z.string() }), run: ({ text }) => text })
const workers = { large }
const apiKeys = [
  { role: 'operate' as const, key: 'the-key-of-an-admin' },
  { role: 'observe' as const, key: 'the-key-of-a-board' },
]
const admin = { apiKey: 'the-key-of-an-admin' }

/** So many jobs with args of a million characters, stored as they are. */
async function storeJobs({ database, clock, coordinator }: TestErrand, count: number, more: object = {}) {
  const at = clock.now()
  const ids = Array.from({ length: count }, () => coordinator.deps.newId())
  for (const _id of ids) {
    const job = { worker: 'large', args: JSON.stringify({ text: million }), priority: 0, runAt: at, createdAt: at }
    await database.db
      .collection<{ _id: string }>('errand_jobs')
      .insertOne({ _id, ...job, attempt: 1, maxAttempts: 1, revision: 0, ...more } as { _id: string })
  }
  return ids
}

const ended = (errand: TestErrand) => ({ state: 'succeeded', finishedAt: errand.clock.now() })

async function storeResults({ database, clock }: TestErrand, ids: readonly string[], result = million) {
  const at = clock.now()
  for (const id of ids) {
    await database.db.collection<{ _id: string }>('errand_receipts').insertOne({
      _id: `${id}:claim`,
      attempt: 1,
      status: 'success',
      result: JSON.stringify(result),
      by: 'function',
      startedAt: at,
      finishedAt: at,
    } as { _id: string })
  }
}

describe('a page of jobs', () => {
  it('ends where its args are large, and the next one goes on behind it', async () => {
    await using errand = await testErrand(workers)
    const ids = await storeJobs(errand, 12, ended(errand))
    const { client } = clientOf(errand)
    const seen: string[] = []
    const lengths: number[] = []
    for (let cursor: string | undefined; ;) {
      const page = await client.jobs.list({ limit: 500, ...(cursor === undefined ? {} : { cursor }) })
      seen.push(...page.jobs.map(({ id }) => id))
      lengths.push(page.jobs.length)
      if (page.cursor === null) break
      cursor = page.cursor
    }
    expect(seen).toEqual(ids.toReversed())
    expect(lengths).toEqual([4, 4, 4])
  })

  it('is whole for those who see no args, and these are not read', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    await storeJobs(errand, 12, ended(errand))
    const { jobs } = errand.coordinator.deps.store
    let read = 0
    errand.coordinator.deps.store.jobs = {
      ...jobs,
      list: async (filter) => {
        const page = await jobs.list(filter)
        read = JSON.stringify(page.items).length
        return page
      },
    }
    const { client } = clientOf(errand, { apiKey: 'the-key-of-a-board' })
    const page = await client.jobs.list({ limit: 500 })
    expect(page.jobs).toHaveLength(12)
    expect(page.jobs[0]).toMatchObject({ args: null, argsHidden: true })
    expect(read).toBeLessThan(20_000)
  })

  it('of a group ends there as well', async () => {
    await using errand = await testErrand(workers)
    await errand
      .post('/groups', { jobs: [] })
      .then(({ body }) => storeJobs(errand, 7, { ...ended(errand), group: body.id }))
    const { client } = clientOf(errand)
    const group = (await errand.database.db.collection('errand_groups').findOne({}))!['_id'] as unknown as string
    const first = await client.groups.jobs(group, { limit: 500 })
    expect(first.jobs).toHaveLength(4)
    const second = await client.groups.jobs(group, { limit: 500, cursor: first.cursor! })
    expect([second.jobs.length, second.cursor]).toEqual([3, null])
  })

  it('of a replay by filter ends there too, and all are replayed in the end', async () => {
    await using errand = await testErrand(workers)
    await storeJobs(errand, 7, { ...ended(errand), expireAt: new Date(errand.clock.now().getTime() + 86_400_000) })
    await errand.clock.advance('1s')
    const filter = { worker: 'large', state: ['succeeded'] }
    const { body: counted } = await errand.post('/jobs/replay', { filter, dryRun: true })
    const first = (await errand.post('/jobs/replay', { filter, token: counted.token })).body
    expect(first).toMatchObject({ matched: 4, done: 4, cursor: expect.any(String) })
    const second = (await errand.post('/jobs/replay', { filter, token: counted.token, cursor: first.cursor })).body
    expect(second).toMatchObject({ matched: 3, done: 3, cursor: null })
  })
})

describe('a list of schedules', () => {
  it('shows the args of as many as an answer holds, and each by itself', async () => {
    await using errand = await testErrand(workers)
    const names = Array.from({ length: 12 }, (_, n) => `schedule-${String(n).padStart(2, '0')}`)
    for (const id of names) {
      const schedule = { id, worker: 'large', args: { text: 'x'.repeat(900_000) }, every: '1d' }
      expect((await errand.post('/schedules', schedule)).status).toBe(201)
    }
    const { client } = clientOf(errand)
    const schedules = await client.schedules.list()
    expect(schedules.map(({ id }) => id)).toEqual(names)
    expect(schedules.filter(({ argsHidden }) => argsHidden).map(({ id }) => id)).toEqual(names.slice(5))
    expect((await client.schedules.get(names[11]!)).args).toMatchObject({ text: expect.any(String) })
  })
})

describe('what is told of jobs that ended', () => {
  it('is told by polls in parts, until all are', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const ids = await storeJobs(errand, 20, ended(errand))
    await storeResults(errand, ids)
    const told: string[] = []
    const rounds: number[] = []
    while (told.length < ids.length) {
      const left = ids.filter((id) => !told.includes(id))
      const input = { json: { ids: left, timeoutMs: 0 } }
      const headers = { authorization: `Bearer ${admin.apiKey}` }
      const { body } = await errand.post('/trpc/jobs.waitMany', input, headers)
      const answer = body.result.data.json as { ended: { id: string }[]; waiting: unknown[] }
      expect(answer.waiting).toEqual([])
      told.push(...answer.ended.map(({ id }) => id))
      rounds.push(answer.ended.length)
    }
    expect(told.toSorted()).toEqual(ids.toSorted())
    expect(Math.max(...rounds)).toBeLessThanOrEqual(5)
  })

  it('is told over a stream in full, though little of it is held at a time', async () => {
    await using errand = await testErrand(workers)
    const ids = await storeJobs(errand, 12, ended(errand))
    await storeResults(errand, ids)
    const { client } = clientOf(errand)
    const results = await Promise.all(ids.map((id) => client.job(id).result({ timeout: '1m' })))
    expect(results.every((result) => result === million)).toBe(true)
  })
})

describe('a batch of queries', () => {
  const batch = (errand: TestErrand, queries: [procedure: string, input: unknown][]) =>
    errand.post(
      `/trpc/${queries.map(([procedure]) => procedure).join(',')}?batch=1`,
      Object.fromEntries(queries.map(([, json], index) => [index, { json }])),
    )

  it('is answered with no more than one query may be, and the rest is told so', async () => {
    await using errand = await testErrand(workers)
    const ids = await storeJobs(errand, 8, ended(errand))
    await storeResults(errand, ids)
    const { body } = await batch(
      errand,
      Array.from({ length: 20 }, () => ['jobs.waitMany', { ids, timeoutMs: 0 }]),
    )
    // oxlint-disable-next-line typescript/no-explicit-any
    const outcomes = (body as any[]).map(({ result, error }) =>
      result ? result.data.json.ended.length : error.json.data.errand.code,
    )
    expect(outcomes).toEqual([4, ...Array.from({ length: 19 }, () => 'PAYLOAD_TOO_LARGE')])
  })

  it('waits no longer all together than one query does', async () => {
    await using errand = await testErrand(workers)
    const id = await errand.enqueue('large', { text: '' }, { delay: '1h' })
    const answer = batch(errand, [
      ['jobs.wait', { id }],
      ['jobs.waitMany', { ids: [id] }],
    ])
    for (let query = 0; query < 2; query++) {
      // the query itself, and the look at what other coordinators have finished
      while (errand.clock.sleeping() < 2) await new Promise((resolve) => setImmediate(resolve))
      await errand.clock.advance('12.5s')
    }
    // oxlint-disable-next-line typescript/no-explicit-any
    expect(((await answer).body as any[]).map(({ result }) => result.data.json)).toMatchObject([
      { id, state: 'scheduled' },
      { ended: [], waiting: [{ id }] },
    ])
  })
})
