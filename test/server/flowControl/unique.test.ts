import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { defineJob, type UniquePolicy } from '../../../core/index.js'
import { retryJob } from '../../../server/operations/jobActions.js'
import { insteadOnce } from '../../support/between.js'
import { testErrand } from '../../support/errand.js'

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
      expect(await errand.database.db.collection('errand_jobs').countDocuments()).toBe(1)
      const rest = answers.filter(({ status }) => status !== 201).map(({ status }) => status)
      expect(new Set(rest)).toEqual(new Set([onConflict === 'reject' ? 409 : 200]))
    },
  )

  it.each(['replace', 'debounce'] as const)(
    'on conflict %s makes no second job where the answer of its write was lost and the job has started since',
    async (onConflict) => {
      await using errand = await testErrand({ sync: worker({ onConflict, until: 'started' }) })
      const { body: first } = await errand.post('/job', body('a', { delay: '5s' }))
      const { jobs } = errand.coordinator.deps.store
      const replaceWaiting = jobs.replaceWaiting.bind(jobs)
      jobs.replaceWaiting = async (...args) => {
        jobs.replaceWaiting = replaceWaiting
        await replaceWaiting(...args)
        await errand.clock.advance('5s')
        await errand.run()
        throw Object.assign(new Error('connection 1 closed'), { name: 'MongoNetworkError' })
      }
      const asking = errand.post('/job', body('b', { delay: '5s' }))
      await vi.waitFor(() => expect(errand.clock.sleeping()).toBeGreaterThan(0))
      await errand.clock.advance('1s')
      expect((await asking).body).toMatchObject({ id: first.id, existing: true, state: 'succeeded' })
      expect((await errand.get(first.id)).args).toEqual({ order: 1, note: 'b' })
      expect(await errand.database.db.collection('errand_jobs').countDocuments()).toBe(1)
    },
  )

  it('rejects with the id of the owner', async () => {
    await using errand = await testErrand({ sync: worker({ onConflict: 'reject' }) })
    const first = await errand.post('/job', body('a', { delay: '1m' }))
    expect(await errand.post('/job', body('b'))).toMatchObject({
      status: 409,
      body: { error: { code: 'KEY_TAKEN', id: first.body.id } },
    })
  })

  it('replaces args and time of an owner that has not started', async () => {
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

  it('frees the key of the attempt that starts, and not of a job that was retried since', async () => {
    const sync = worker({ until: 'started', onConflict: 'reject' })
    await using errand = await testErrand({ sync })
    await using other = await testErrand({ sync }, { beside: errand })
    const { body: first } = await errand.post('/job', body('a', { delay: '1s' }))
    insteadOnce(errand.coordinator.deps.store.jobs, 'releaseKeys', (releaseKeys) => async (...given) => {
      // so late that the attempt was reaped
      await errand.clock.advance('1h')
      await other.reap()
      expect((await other.get(first.id)).state).toBe('failed')
      await other.post('/pauses', { worker: 'sync' })
      await retryJob(other.coordinator.deps, first.id)
      return releaseKeys(...given)
    })
    await errand.clock.advance('1s')
    await errand.coordinator.deps.store.jobs.stage(errand.clock.now(), 1)
    await errand.claim()
    expect(await other.post('/job', body('b', { delay: '1m' }))).toMatchObject({
      status: 409,
      body: { error: { code: 'KEY_TAKEN', id: first.id } },
    })
  })

  it('frees the key that a crash has left to a job that had started', async () => {
    const sync = { ...worker({ until: 'started', onConflict: 'reject' }), retry: { attempts: 2 } }
    await using errand = await testErrand({ sync })
    await using other = await testErrand({ sync }, { beside: errand })
    const { body: first } = await errand.post('/job', body('a', { delay: '1s' }))
    const { deps } = errand.coordinator
    const lost = () => Promise.reject(new Error('connection lost'))
    insteadOnce(deps.store.jobs, 'releaseKeys', () => lost)
    deps.writes.applyTransition = lost
    await errand.clock.advance('1s')
    await deps.store.jobs.stage(errand.clock.now(), 1)
    await expect(errand.claim()).rejects.toThrow('connection lost')
    expect((await other.get(first.id)).state).toBe('running')
    await errand.clock.advance('1h')
    await other.reap()
    expect((await other.get(first.id)).state).toBe('scheduled')
    expect((await other.post('/job', body('b', { delay: '1m' }))).status).toBe(201)
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

describe('unique, said at the enqueue', () => {
  const plain = defineJob({ args: z.object({ note: z.string().optional() }), retry: { attempts: 1 }, run: () => null })
  const ask = (note: string, unique: object, more = {}) => ({ worker: 'plain', args: { note }, unique, ...more })

  it.each(['return', 'reject', 'replace', 'debounce'] as const)(
    'lets one of 100 in at once on two coordinators, on conflict %s',
    async (onConflict) => {
      await using errand = await testErrand({ plain })
      await using other = await testErrand({ plain }, { beside: errand })
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, n) =>
          [errand, other][n % 2]!.post('/job', ask(`note ${n}`, { key: 'k', onConflict }, { delay: '1m' })),
        ),
      )
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
      expect(answers.filter(({ status }) => status === (onConflict === 'reject' ? 409 : 200))).toHaveLength(99)
      expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
      expect(await errand.database.db.collection('errand_jobs').countDocuments()).toBe(1)
    },
  )

  it('answers with the owner, where nothing else is said', async () => {
    await using errand = await testErrand({ plain })
    const first = await errand.post('/job', ask('a', { key: 'k' }, { delay: '1m' }))
    const second = await errand.post('/job', ask('b', { key: 'k' }))
    expect(second).toMatchObject({ status: 200, body: { id: first.body.id, existing: true } })
    expect((await errand.post('/job', ask('c', { key: 'other' }))).status).toBe(201)
  })

  it('replaces, and debounces up to the longest wait', async () => {
    await using errand = await testErrand({ plain })
    const { body: first } = await errand.post('/job', ask('a', { key: 'k' }, { delay: '1h' }))
    const replaced = await errand.post('/job', ask('b', { key: 'k', onConflict: 'replace' }, { delay: '10s' }))
    expect(replaced.body).toMatchObject({ id: first.id, runAt: '2030-01-01T00:00:10.000Z' })
    const debounce = { key: 'k', onConflict: 'debounce', maxWait: '15s' }
    const moved = await errand.post('/job', ask('c', debounce, { delay: '20s' }))
    expect(moved.body).toMatchObject({ id: first.id, runAt: '2030-01-01T00:00:15.000Z' })
    expect((await errand.get(first.id)).args).toEqual({ note: 'c' })
  })

  it('holds the key until the start, the end or for a duration, as the owner was asked', async () => {
    await using errand = await testErrand({ plain })
    const outcome = async (unique: object) => (await errand.post('/job', ask('b', unique, { delay: '1h' }))).status
    for (const until of ['started', 'finished', '10m']) {
      const { body } = await errand.post('/job', ask('a', { key: until, until }, { delay: '1s' }))
      expect(await outcome({ key: until })).toBe(200)
      await errand.clock.advance('1s')
      await errand.run()
      expect((await errand.get(body.id)).state).toBe('succeeded')
    }
    expect(await outcome({ key: 'started' })).toBe(201)
    expect(await outcome({ key: 'finished' })).toBe(201)
    expect(await outcome({ key: '10m', onConflict: 'reject' })).toBe(409)
    await errand.clock.advance('10m')
    expect(await outcome({ key: '10m', onConflict: 'reject' })).toBe(201)
  })

  it("changes a worker's policy for this job, and takes the rest from it", async () => {
    await using errand = await testErrand({ sync: worker({ onConflict: 'reject' }) })
    const { body: first } = await errand.post('/job', body('a', { delay: '1m' }))
    expect((await errand.post('/job', body('b', { unique: { until: 'started' } }))).status).toBe(409)
    const returned = await errand.post('/job', body('b', { unique: { onConflict: 'return' } }))
    expect(returned).toMatchObject({ status: 200, body: { id: first.id } })
    expect((await errand.post('/job', body('b', { unique: { key: 'own' }, delay: '1m' }))).status).toBe(201)
    expect((await errand.post('/job', body('b', { unique: { key: 'own' } }))).status).toBe(409)
  })

  it.each([
    ['no key where the worker has none', { unique: {} }, ['unique', 'key']],
    ['a key beside it', { key: 'a', unique: { key: 'b' } }, ['unique']],
    ['an unknown field', { unique: { keys: 'a' } }, ['unique', 'keys']],
    ['an unknown policy', { unique: { key: 'a', onConflict: 'ignore' } }, ['unique', 'onConflict']],
    ['a time that is no duration', { unique: { key: 'a', until: 'ended' } }, ['unique', 'until']],
    ['no time at all', { unique: { key: 'a', maxWait: '0s' } }, ['unique', 'maxWait']],
    ['a schedule', { cron: '* * * * *', unique: { key: 'a' } }, ['cron']],
  ])('refuses %s', async (_, fields, path) => {
    await using errand = await testErrand({ plain })
    expect(await errand.post('/job', { worker: 'plain', ...fields })).toMatchObject({
      status: 400,
      body: { error: { code: 'BAD_REQUEST', issues: [{ path }] } },
    })
  })
})
