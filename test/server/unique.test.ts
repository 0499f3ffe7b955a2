import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob, type UniquePolicy } from '../../core/index.js'
import { testErrand } from '../support/errand.js'

const worker = (policy: Partial<UniquePolicy<{ order: number }>>) =>
  defineJob({
    args: z.object({ order: z.number(), note: z.string().optional() }),
    unique: { key: ({ order }) => String(order), ...policy },
    retry: { attempts: 1 },
    run: () => null,
  })
const body = (note: string, more = {}) => ({ worker: 'sync', args: { order: 1, note }, ...more })

describe('unique', () => {
  it('answers with the job that holds the key, and makes no second one', async () => {
    await using errand = await testErrand({ sync: worker({}) })
    const first = await errand.post('/job', body('a', { delay: '1m' }))
    const second = await errand.post('/job', body('b'))
    expect(first.status).toBe(201)
    expect(second).toEqual({
      status: 200,
      body: { id: first.body.id, state: 'scheduled', runAt: '2030-01-01T00:01:00.000Z', existing: true },
    })
    expect((await errand.get(first.body.id)).args).toEqual({ order: 1, note: 'a' })
    expect((await errand.post('/job', { worker: 'sync', args: { order: 2 } })).status).toBe(201)
  })

  it.each(['return', 'reject', 'replace', 'debounce'] as const)(
    'lets one of 100 in at once, on conflict %s',
    async (onConflict) => {
      await using errand = await testErrand({ sync: worker({ onConflict }) })
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, n) => errand.post('/job', body(`note ${n}`, { delay: '1m' }))),
      )
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
      expect(await errand.database.db.collection('jobs').countDocuments()).toBe(1)
      const rest = answers.filter(({ status }) => status !== 201).map(({ status }) => status)
      expect(new Set(rest)).toEqual(new Set([onConflict === 'reject' ? 409 : 200]))
    },
  )

  it('rejects with the id of the holder', async () => {
    await using errand = await testErrand({ sync: worker({ onConflict: 'reject' }) })
    const first = await errand.post('/job', body('a', { delay: '1m' }))
    expect(await errand.post('/job', body('b'))).toMatchObject({
      status: 409,
      body: { error: { code: 'KEY_TAKEN', id: first.body.id } },
    })
  })

  it('replaces args and time of a holder that has not started', async () => {
    await using errand = await testErrand({ sync: worker({ onConflict: 'replace' }) })
    const { body: first } = await errand.post('/job', body('a', { delay: '1h' }))
    const second = await errand.post('/job', body('b', { delay: '1m' }))
    expect(second.body).toMatchObject({ id: first.id, existing: true, runAt: '2030-01-01T00:01:00.000Z' })
    await errand.clock.advance('1m')
    await errand.run()
    expect(await errand.get(first.id)).toMatchObject({ state: 'succeeded', args: { note: 'b' } })
  })

  it('debounces: each new one moves the time on, up to the longest wait', async () => {
    await using errand = await testErrand({ sync: worker({ onConflict: 'debounce', maxWait: '25s' }) })
    const { body: first } = await errand.post('/job', body('0', { delay: '10s' }))
    const times: string[] = []
    for (let n = 1; n <= 3; n++) {
      await errand.clock.advance('8s')
      times.push((await errand.post('/job', body(String(n), { delay: '10s' }))).body.runAt)
    }
    expect(times).toEqual(['2030-01-01T00:00:18.000Z', '2030-01-01T00:00:25.000Z', '2030-01-01T00:00:25.000Z'])
    await errand.clock.advance('1s')
    await errand.run()
    expect(await errand.get(first.id)).toMatchObject({ state: 'succeeded', args: { note: '3' } })
  })

  it('frees the key at the start, where it is held until then', async () => {
    await using errand = await testErrand({ sync: worker({ until: 'started', onConflict: 'reject' }) })
    const first = await errand.post('/job', body('a', { delay: '1m' }))
    expect((await errand.post('/job', body('b'))).status).toBe(409)
    await errand.clock.advance('1m')
    await errand.stage()
    await errand.claim()
    expect((await errand.post('/job', body('c', { delay: '1m' }))).status).toBe(201)
    await errand.run()
    expect((await errand.get(first.body.id)).state).toBe('succeeded')
  })

  it('holds the key for a duration, whatever becomes of the job', async () => {
    await using errand = await testErrand({ sync: worker({ until: '10m', onConflict: 'reject' }) })
    const first = await errand.post('/job', body('a'))
    await errand.run()
    expect((await errand.get(first.body.id)).state).toBe('succeeded')
    await errand.clock.advance('9m')
    expect((await errand.post('/job', body('b'))).status).toBe(409)
    await errand.clock.advance('1m')
    expect((await errand.post('/job', body('c'))).status).toBe(201)
  })

  it('frees the key of a job that failed or was cancelled', async () => {
    const failing = { ...worker({ onConflict: 'reject' }), run: () => Promise.reject(new Error('no')) }
    await using errand = await testErrand({ sync: failing })
    await errand.post('/job', body('a'))
    await errand.run()
    const { body: second, status } = await errand.post('/job', body('b', { delay: '1m' }))
    expect(status).toBe(201)
    await errand.coordinator.fetch(new Request(`http://coordinator.test/job/${second.id}`, { method: 'DELETE' }))
    expect((await errand.post('/job', body('c', { delay: '1m' }))).status).toBe(201)
  })
})
