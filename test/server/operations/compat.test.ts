import type { WaitingPage } from '../../../core/views/answers.gen.js'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { testErrand, type TestErrand } from '../../support/errand.js'

const mail = defineJob({
  args: z.object({ to: z.string(), text: z.string().optional() }),
  version: 2,
  migrate: (args) => args as { to: string },
  concurrency: { limit: 1 },
  run: () => new Promise(() => {}),
})
const quick = defineJob({ args: z.object({}), run: () => null })

const apiKeys = [
  { role: 'observe', args: true, key: 'a key that observes' },
  { role: 'enqueue', key: 'a key that enqueues' },
] as const

async function page(errand: TestErrand, query = '', key = ''): Promise<{ status: number; body: WaitingPage }> {
  const request = new Request(`http://coordinator.test/compat/waiting${query}`, {
    headers: key === '' ? {} : { authorization: `Bearer ${key}` },
  })
  const response = await errand.coordinator.fetch(request)
  return { status: response.status, body: (await response.json()) as WaitingPage }
}

async function allPages(errand: TestErrand): Promise<WaitingPage[]> {
  const pages = [(await page(errand)).body]
  while (pages.at(-1)!.cursor !== null) pages.push((await page(errand, `?cursor=${pages.at(-1)!.cursor}`)).body)
  return pages
}

describe('GET /compat/waiting', () => {
  it('shows what may still run, in whatever state, newest first and with the version of its args', async () => {
    await using errand = await testErrand({ mail, quick })
    const done = await errand.enqueue('quick')
    await errand.run()
    const running = await errand.enqueue('mail', { to: 'a' })
    const blocked = await errand.enqueue('mail', { to: 'b' })
    const scheduled = await errand.enqueue('quick', {}, { delay: '1h', argsMeta: { values: {}, v: 1 } })
    const states = await Promise.all(
      [done, running, blocked, scheduled].map(async (id) => (await errand.get(id)).state),
    )
    expect(states).toEqual(['succeeded', 'running', 'blocked', 'scheduled'])
    const { status, body } = await page(errand)
    expect(status).toBe(200)
    expect(body).toEqual({
      jobs: [
        { id: scheduled, worker: 'quick', args: '{}', argsMeta: '{"values":{},"v":1}' },
        { id: blocked, worker: 'mail', args: '{"to":"b"}', argsVersion: 2 },
        { id: running, worker: 'mail', args: '{"to":"a"}', argsVersion: 2 },
      ],
      cursor: null,
    })
  })

  it('goes through many jobs in pages, each job once, though they move meanwhile', async () => {
    await using errand = await testErrand({ quick })
    const { newId, clock, store } = errand.coordinator.deps
    const waiting = Array.from({ length: 12_001 }, () => ({
      _id: newId(),
      worker: 'quick',
      args: '{}',
      state: 'scheduled' as const,
      priority: 0,
      runAt: new Date('2031-01-01'),
      createdAt: clock.now(),
      attempt: 0,
      maxAttempts: 5,
    }))
    await store.jobs.insertMany(waiting)
    const first = (await page(errand)).body
    expect(first.jobs).toHaveLength(5_000)
    await errand.database.db.collection('errand_jobs').updateMany({}, { $set: { state: 'queued' } })
    const second = (await page(errand, `?cursor=${first.cursor}`)).body
    const third = (await page(errand, `?cursor=${second.cursor}`)).body
    expect(third.cursor).toBeNull()
    const seen = [first, second, third].flatMap(({ jobs }) => jobs.map(({ id }) => id))
    expect(seen).toEqual(waiting.map(({ _id }) => _id).toReversed())
  })

  it('ends a page early where its args are large', async () => {
    await using errand = await testErrand({ mail })
    const text = 'x'.repeat(900_000)
    for (let n = 0; n < 5; n++) await errand.enqueue('mail', { to: `${n}`, text }, { delay: '1h' })
    expect((await allPages(errand)).map(({ jobs }) => jobs.length)).toEqual([3, 2])
  })

  it('is for those who see args, and refuses what it does not know', async () => {
    await using errand = await testErrand({ quick }, { apiKeys: [...apiKeys] })
    expect((await page(errand, '', apiKeys[0].key)).status).toBe(200)
    expect((await page(errand, '', apiKeys[1].key)).status).toBe(403)
    expect((await page(errand)).status).toBe(401)
    expect((await page(errand, '?limit=3', apiKeys[0].key)).status).toBe(400)
  })
})
