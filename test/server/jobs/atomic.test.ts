import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob, type UniquePolicy } from '../../../core/index.js'
import { sweepAtomicRequests } from '../../../server/jobs/atomic.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import { runs } from '../../support/effort.js'

const keyed = (onConflict: NonNullable<UniquePolicy<never>['onConflict']>, more: Partial<UniquePolicy<never>> = {}) =>
  defineJob({
    args: z.object({ n: z.number() }),
    unique: { ...more, key: ({ n }) => String(n), onConflict },
    run: () => null,
  })
const workers = {
  echo: defineJob({ args: z.object({ n: z.number(), at: z.date().optional() }), run: ({ n }) => n }),
  same: keyed('return'),
  alone: keyed('reject'),
  newer: keyed('replace'),
  timed: keyed('reject', { until: '1m' }),
}
const echo = (n: number, more = {}) => ({ worker: 'echo', args: { n }, ...more })

const jobs = (errand: TestErrand) => errand.database.db.collection('errand_jobs').find().sort({ _id: 1 }).toArray()
const stored = (errand: TestErrand) => errand.database.db.collection('errand_jobs').countDocuments()
const requests = (errand: TestErrand) => errand.database.db.collection('errand_atomic_requests').find().toArray()
const atomic = (errand: TestErrand, items: unknown[]) => errand.post('/jobs', { jobs: items, atomic: true })

describe('many jobs over REST', () => {
  it('have an outcome each, in order, and a bad one does not spoil the others', async () => {
    await using errand = await testErrand(workers)
    const { status, body } = await errand.post('/jobs', {
      jobs: [echo(1), echo(2, { delay: '1m' }), { worker: 'echo', args: { n: 'x' } }, { worker: 'ecko' }, 7],
    })
    expect(status).toBe(200)
    expect(body.outcomes).toMatchObject([
      { ok: true, state: 'queued', runAt: '2030-01-01T00:00:00.000Z' },
      { ok: true, state: 'scheduled', runAt: '2030-01-01T00:01:00.000Z' },
      { ok: false, error: { code: 'INVALID_ARGS', issues: [{ path: ['n'] }] } },
      { ok: false, error: { code: 'UNKNOWN_WORKER' } },
      { ok: false, error: { code: 'BAD_REQUEST' } },
    ])
    expect((await errand.get(body.outcomes[1].id)).state).toBe('scheduled')
  })

  it.each([
    ['more than 10,000', { jobs: Array.from({ length: 10_001 }, () => 1) }],
    ['an unknown field', { jobs: [], atomc: true }],
    ['no list', { jobs: {} }],
  ])('are refused with %s', async (_, body) => {
    await using errand = await testErrand(workers)
    expect(await errand.post('/jobs', body)).toMatchObject({ status: 400, body: { error: { code: 'BAD_REQUEST' } } })
  })
})

describe('all or none', () => {
  it('enqueues 10,000 jobs, none of which may start before all are there', async () => {
    await using errand = await testErrand(workers)
    const store = errand.coordinator.deps.store.atomicRequests
    const release = store.release.bind(store)
    let claimableBefore: number | undefined
    store.release = async (id) => {
      expect(await stored(errand)).toBe(10_000)
      claimableBefore = (await errand.coordinator.deps.store.jobs.claimable(10)).length
      return release(id)
    }
    const items = Array.from({ length: 10_000 }, (_, n) => echo(n, n % 2 === 0 ? {} : { delay: '1h' }))
    const { status, body } = await atomic(errand, items)
    expect({ status, claimableBefore }).toEqual({ status: 200, claimableBefore: 0 })
    expect(body.outcomes).toHaveLength(10_000)
    expect(body.outcomes.slice(0, 2)).toMatchObject([
      { ok: true, state: 'queued' },
      { ok: true, state: 'scheduled' },
    ])
    const found = await jobs(errand)
    expect(found.map(({ _id }) => _id)).toEqual(body.outcomes.map(({ id }: { id: string }) => id))
    expect(found.filter((job) => 'held' in job || 'atomicRequest' in job)).toEqual([])
    expect(await requests(errand)).toEqual([])
  })

  it('runs them once they are there', async () => {
    await using errand = await testErrand(workers)
    const { body } = await atomic(errand, [echo(1), echo(2), echo(3)])
    await errand.run()
    for (const { id } of body.outcomes) expect((await errand.get(id)).state).toBe('succeeded')
  })

  it('writes nothing where any item is bad, and names each by its place', async () => {
    await using errand = await testErrand(workers)
    const owner = await errand.enqueue('alone', { n: 1 }, { delay: '1h' })
    const { status, body } = await atomic(errand, [
      echo(1),
      { worker: 'echo', args: { n: 'x' } },
      { worker: 'ecko' },
      { worker: 'echo', args: { n: 1 }, prio: 3 },
      { worker: 'echo', args: { n: 1 }, runAt: 'tomorrow' },
      { worker: 'echo', args: { n: 1 }, argsMeta: { values: { n: [['custom', 'x']] } } },
    ])
    expect({ status, code: body.error.code }).toEqual({ status: 400, code: 'ATOMIC_REFUSED' })
    expect(body.error.issues).toMatchObject([
      { path: ['jobs', 1, 'args', 'n'], code: 'invalid_type' },
      { path: ['jobs', 2], code: 'unknown_worker', message: expect.stringContaining('Did you mean "echo"?') },
      { path: ['jobs', 3, 'prio'], code: 'unknown_field' },
      { path: ['jobs', 4, 'runAt'] },
      { path: ['jobs', 5, 'argsMeta'] },
    ])
    const taken = await atomic(errand, [echo(1), { worker: 'alone', args: { n: 1 } }])
    expect(taken.body.error.issues).toEqual([
      { path: ['jobs', 1], code: 'key_taken', message: `The key is taken by job ${owner}, which is scheduled.` },
    ])
    expect(await stored(errand)).toBe(1)
    expect(await requests(errand)).toEqual([])
  })

  it('tells the first hundred of many problems', async () => {
    await using errand = await testErrand(workers)
    const { body } = await atomic(
      errand,
      Array.from({ length: 500 }, () => ({ worker: 'echo', args: {} })),
    )
    expect(body.error.issues).toHaveLength(100)
    expect(body.error.message).toContain('And 497 more.')
  })

  it('takes the owner of a key for the item where the policy is to return it, in the request and outside', async () => {
    await using errand = await testErrand(workers)
    const owner = await errand.enqueue('same', { n: 1 }, { delay: '1h' })
    const { body } = await atomic(
      errand,
      [1, 2, 2].map((n) => ({ worker: 'same', args: { n } })),
    )
    const [first, second, third] = body.outcomes
    expect(first).toEqual({
      ok: true,
      id: owner,
      state: 'scheduled',
      runAt: '2030-01-01T01:00:00.000Z',
      existing: true,
    })
    expect(second).not.toHaveProperty('existing')
    expect(third).toEqual({ ...second, existing: true })
    expect(await stored(errand)).toBe(2)
  })

  it.each(['alone', 'newer'])('refuses two jobs of a key that is for one only, of %s', async (worker) => {
    await using errand = await testErrand(workers)
    const { body } = await atomic(
      errand,
      [1, 2, 1].map((n) => ({ worker, args: { n } })),
    )
    expect(body.error.issues).toEqual([
      { path: ['jobs', 2], code: 'key_taken', message: 'The key is taken by jobs.0, earlier in the request.' },
    ])
    expect(await stored(errand)).toBe(0)
  })

  it('changes no job that is there: a worker that replaces is refused as well', async () => {
    await using errand = await testErrand(workers)
    const owner = await errand.enqueue('newer', { n: 1 }, { delay: '1h' })
    const { body } = await atomic(errand, [{ worker: 'newer', args: { n: 1 } }])
    expect(body.error.issues).toMatchObject([{ code: 'key_taken', message: expect.stringContaining(owner) }])
    expect((await errand.get(owner)).runAt).toBe('2030-01-01T01:00:00.000Z')
  })

  it('takes a key whose time is over', async () => {
    await using errand = await testErrand(workers)
    await errand.enqueue('timed', { n: 1 })
    await errand.clock.advance('1m')
    expect((await atomic(errand, [echo(1), { worker: 'timed', args: { n: 1 } }])).status).toBe(200)
    expect(await stored(errand)).toBe(3)
  })

  it('needs no request for no jobs', async () => {
    await using errand = await testErrand(workers)
    expect(await atomic(errand, [])).toEqual({ status: 200, body: { outcomes: [] } })
  })
})

/** Lets something happen just before the jobs of an atomic request are written. */
const beforeWrite = ({ coordinator }: TestErrand, happens: () => Promise<unknown>) => {
  const store = coordinator.deps.store.atomicRequests
  const begin = store.begin.bind(store)
  store.begin = async (...request) => {
    await begin(...request)
    await happens()
  }
}

describe('a race for a key', () => {
  it('takes all jobs out again where a key was taken meanwhile', async () => {
    await using errand = await testErrand(workers)
    beforeWrite(errand, () => errand.enqueue('alone', { n: 2 }, { delay: '1h' }))
    const { status, body } = await atomic(errand, [echo(1), { worker: 'alone', args: { n: 2 } }, echo(3)])
    expect(status).toBe(400)
    expect(body.error.issues).toMatchObject([{ path: ['jobs', 1], code: 'key_taken' }])
    expect((await jobs(errand)).map(({ worker }) => worker)).toEqual(['alone'])
    expect(await requests(errand)).toEqual([])
  })

  it('takes the job that came first where the policy is to return it', async () => {
    await using errand = await testErrand(workers)
    let first = ''
    beforeWrite(errand, async () => (first = await errand.enqueue('same', { n: 2 }, { delay: '1h' })))
    const { body } = await atomic(errand, [echo(1), { worker: 'same', args: { n: 2 } }])
    expect(body.outcomes).toMatchObject([{ ok: true }, { ok: true, id: first, existing: true }])
    expect(await stored(errand)).toBe(2)
  })

  it('gives nobody a job that may yet be undone', async () => {
    await using errand = await testErrand(workers)
    const store = errand.coordinator.deps.store.atomicRequests
    const release = store.release.bind(store)
    let meanwhile: { status: number } | undefined
    store.release = async (id) => {
      meanwhile = await errand.post('/job', { worker: 'same', args: { n: 1 } })
      return release(id)
    }
    expect((await atomic(errand, [{ worker: 'same', args: { n: 1 } }])).status).toBe(200)
    expect(meanwhile).toMatchObject({ status: 409, body: { error: { code: 'KEY_TAKEN' } } })
    expect((await errand.post('/job', { worker: 'same', args: { n: 1 } })).status).toBe(200)
  })

  it('leaves each request whole or absent, however many meet', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 6 }),
        async (keysOfRequests) => {
          await using errand = await testErrand(workers)
          await using second = await testErrand(workers, { beside: errand })
          const answers = await Promise.all(
            keysOfRequests.map((keys, index) =>
              atomic(
                index % 2 === 0 ? errand : second,
                keys.map((n) => ({ worker: 'alone', args: { n }, delay: '1h' })),
              ),
            ),
          )
          const accepted = keysOfRequests.filter((_, index) => answers[index]!.status === 200).flat()
          const keys = (await jobs(errand)).map(({ key }) => Number(key))
          expect(keys.toSorted((a, b) => a - b)).toEqual(accepted.toSorted((a, b) => a - b))
          expect(new Set(accepted).size).toBe(accepted.length)
        },
      ),
      { numRuns: runs(15) },
    )
  })
})

describe('a coordinator that dies', () => {
  const items = [echo(1), echo(2), echo(3, { delay: '1h' })]
  const lost = () => Promise.reject(new Error('connection lost'))

  it('before the decision leaves jobs that never run, and the sweep takes them out', async () => {
    await using errand = await testErrand(workers)
    await using second = await testErrand(workers, { beside: errand })
    const { atomicRequests: store } = errand.coordinator.deps.store
    store.decide = lost
    expect((await atomic(errand, items)).status).toBe(500)
    await second.run()
    expect((await jobs(errand)).map(({ attempt }) => attempt)).toEqual([0, 0, 0])
    await sweepAtomicRequests(second.coordinator.deps)
    expect(await stored(errand)).toBe(3) // it may still be at work
    await errand.clock.advance('1m')
    await sweepAtomicRequests(second.coordinator.deps)
    expect(await stored(errand)).toBe(0)
  })

  it('in the middle of the insert leaves nothing', async () => {
    await using errand = await testErrand(workers)
    const { insertJob } = errand.coordinator.deps.writes
    let inserts = 0
    errand.coordinator.deps.writes.insertJob = (job) => (++inserts === 2 ? lost() : insertJob(job))
    expect((await atomic(errand, items)).status).toBe(500)
    expect(await stored(errand)).toBe(0)
  })

  it('and whose write arrives late has it taken out as well', async () => {
    await using errand = await testErrand(workers)
    const { insertJob } = errand.coordinator.deps.writes
    let late: (() => Promise<unknown>) | undefined
    errand.coordinator.deps.writes.insertJob = (job) => {
      if (late) return insertJob(job)
      late = () => insertJob(job)
      return lost()
    }
    expect((await atomic(errand, items)).status).toBe(500)
    await late!()
    expect(await stored(errand)).toBe(1)
    await errand.run()
    await errand.clock.advance('1m')
    await sweepAtomicRequests(errand.coordinator.deps)
    expect(await stored(errand)).toBe(0)
  })

  it('after the decision has its jobs released by the sweep, once and for all', async () => {
    await using errand = await testErrand(workers)
    await using second = await testErrand(workers, { beside: errand })
    errand.coordinator.deps.store.atomicRequests.release = lost
    expect((await atomic(errand, items)).status).toBe(500)
    await errand.clock.advance('1m')
    await sweepAtomicRequests(second.coordinator.deps)
    await second.run()
    expect((await jobs(errand)).map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'scheduled'])
    expect(await requests(errand)).toEqual([])
  })

  it('and comes back after the sweep says so, and leaves nothing', async () => {
    await using errand = await testErrand(workers)
    await using second = await testErrand(workers, { beside: errand })
    beforeWrite(errand, async () => {
      await errand.clock.advance('2m')
      await sweepAtomicRequests(second.coordinator.deps)
    })
    expect(await atomic(errand, items)).toMatchObject({ status: 503, body: { error: { code: 'UNAVAILABLE' } } })
    expect(await stored(errand)).toBe(0)
    await errand.clock.advance('11m')
    await sweepAtomicRequests(second.coordinator.deps)
    expect(await requests(errand)).toEqual([])
  })
})
