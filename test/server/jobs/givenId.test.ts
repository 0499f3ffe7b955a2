/** Ids that callers give: the same id is the same job, whatever happened to the first answer. */
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { createIds, idAt } from '../../../core/job/newIds.js'
import { testErrand, type TestErrand } from '../../support/errand.js'

const note = defineJob({
  args: z.object({ n: z.number() }),
  keep: { succeeded: '0s', cancelled: '0s' },
  run: ({ n }) => n,
})
const other = defineJob({ args: z.object({ n: z.number() }), run: () => null })
const keyed = defineJob({
  args: z.object({ n: z.number() }),
  unique: { key: () => 'one', onConflict: 'reject' },
  run: () => null,
})
const merged = defineJob({ args: z.object({ n: z.number() }), unique: { key: () => 'one' }, run: () => null })
const workers = { note, other, keyed, merged }

/** As one that was made so long ago by the coordinator's clock; before now where it is negative. */
const idOf = ({ clock }: TestErrand, ageMs = 0): string => createIds(() => new Date(clock.now().getTime() - ageMs))()

const jobsIn = ({ database: { db } }: TestErrand) => db.collection('errand_jobs').countDocuments()

describe('an id of the caller', () => {
  it("is the job's own where its time is about now, or ahead", async () => {
    await using errand = await testErrand(workers)
    for (const ageMs of [0, 59_000, -59_000, -3_600_000]) {
      const id = idOf(errand, ageMs)
      const first = await errand.post('/job', { worker: 'note', args: { n: 1 }, id, delay: '1h' })
      expect(first).toMatchObject({ status: 201, body: { id } })
      const again = await errand.post('/job', { worker: 'note', args: { n: 1 }, id: id.toUpperCase(), delay: '1h' })
      expect(again).toMatchObject({ status: 200, body: { id, existing: true, state: 'scheduled' } })
    }
    expect(await jobsIn(errand)).toBe(4)
    expect(await errand.database.db.collection('errand_origins').countDocuments()).toBe(0)
  })

  it('buys no place in line: an older one, one far ahead, or one that says no time, gets another job id', async () => {
    await using errand = await testErrand(workers)
    const before = await errand.enqueue('note', { n: 0 }, { delay: '1h' })
    for (const given of [idOf(errand, 90_000), idOf(errand, 86_400_000), idOf(errand, -7_200_000), randomUUID()]) {
      const { status, body } = await errand.post('/job', { worker: 'note', args: { n: 1 }, id: given, delay: '1h' })
      expect(status).toBe(201)
      expect(body.id).not.toBe(given)
      expect(body.id > before).toBe(true)
      const again = await errand.post('/job', { worker: 'note', args: { n: 1 }, id: given, delay: '1h' })
      expect(again).toMatchObject({ status: 200, body: { id: body.id, existing: true } })
    }
    expect(await jobsIn(errand)).toBe(5)
  })

  it('finds the job of a first try that was in time, however late the next one comes', async () => {
    await using errand = await testErrand(workers)
    const ids = [0, 50_000].map((ageMs) => idOf(errand, ageMs))
    for (const id of ids) await errand.post('/job', { worker: 'note', args: { n: 1 }, id, delay: '3h' })
    for (const by of ['15s', '20s', '45s', '10m', '1h'] as const) {
      await errand.clock.advance(by)
      for (const id of ids) {
        const again = await errand.post('/job', { worker: 'note', args: { n: 1 }, id, delay: '3h' })
        expect(again).toMatchObject({ status: 200, body: { id, existing: true } })
      }
    }
    expect(await jobsIn(errand)).toBe(2)
  })

  it('makes one job of tries that come at once, on two coordinators, at any age', async () => {
    await using errand = await testErrand(workers)
    await using beside = await testErrand(workers, { beside: errand })
    for (const ageMs of [0, 59_999, 60_000, 79_999, 80_000, 600_000]) {
      const id = idOf(errand, ageMs)
      const tries = await Promise.all(
        [errand, beside, errand, beside].map((each) =>
          each.post('/job', { worker: 'note', args: { n: 1 }, id, delay: '1h' }),
        ),
      )
      expect(new Set(tries.map(({ body }) => body.id as string)).size).toBe(1)
      expect(tries.filter(({ status }) => status === 201)).toHaveLength(1)
    }
    expect(await jobsIn(errand)).toBe(6)
  })

  it('is remembered for an hour, though its job ends and would go at once', async () => {
    await using errand = await testErrand(workers)
    const ids = [idOf(errand), idOf(errand, 600_000)]
    const made = []
    for (const id of ids) made.push((await errand.post('/job', { worker: 'note', args: { n: 1 }, id })).body.id)
    await errand.run()
    await errand.clock.advance('59m')
    await errand.purge()
    for (const [index, id] of ids.entries()) {
      const again = await errand.post('/job', { worker: 'note', args: { n: 1 }, id })
      expect(again).toMatchObject({ status: 200, body: { id: made[index], state: 'succeeded', existing: true } })
    }
    await errand.clock.advance('3h')
    await errand.purge()
    await errand.purge()
    expect(await jobsIn(errand)).toBe(0)
    expect(await errand.database.db.collection('errand_origins').countDocuments()).toBe(0)
  })

  it('counts before a key: asked for again, it is no conflict', async () => {
    await using errand = await testErrand(workers)
    const id = idOf(errand)
    expect(await errand.post('/job', { worker: 'keyed', args: { n: 1 }, delay: '1h', id })).toMatchObject({
      status: 201,
    })
    expect(await errand.post('/job', { worker: 'keyed', args: { n: 1 }, delay: '1h', id })).toMatchObject({
      status: 200,
      body: { id },
    })
    expect(await errand.post('/job', { worker: 'keyed', args: { n: 1 }, delay: '1h', id: idOf(errand) })).toMatchObject(
      {
        status: 409,
      },
    )
  })

  it('is refused where it is none, of another worker, or of a schedule', async () => {
    await using errand = await testErrand(workers)
    const id = idOf(errand)
    await errand.post('/job', { worker: 'note', args: { n: 1 }, id, delay: '1h' })
    const refused: [object, RegExp][] = [
      [{ worker: 'note', id: 'order-7' }, /must be a UUID/],
      [{ worker: 'other', id }, /another worker/],
      [{ worker: 'note', id, every: '1h' }, /exclude each other/],
    ]
    for (const [request, message] of refused) {
      const { status, body } = await errand.post('/job', { args: { n: 1 }, ...request })
      expect([status, body.error.message]).toEqual([400, expect.stringMatching(message)])
    }
    expect(await jobsIn(errand)).toBe(1)
  })

  it('is taken for each of many, and for those that come all or none', async () => {
    await using errand = await testErrand(workers)
    const idsOf = ({ body }: { body: { outcomes: { id: string }[] } }) => body.outcomes.map(({ id }) => id)
    const manyOf = () =>
      [0, 0, 600_000].map((ageMs) => ({ worker: 'note', args: { n: 1 }, id: idOf(errand, ageMs), delay: '1h' }))
    for (const atomic of [false, true]) {
      const jobs = manyOf()
      const first = await errand.post('/jobs', { jobs, atomic })
      const again = await errand.post('/jobs', { jobs, atomic })
      expect(idsOf(again)).toEqual(idsOf(first))
      expect(again.body.outcomes).toMatchObject([{ existing: true }, { existing: true }, { existing: true }])
    }
    const [known, ...others] = manyOf()
    await errand.post('/jobs', { jobs: [known] })
    expect(await errand.post('/jobs', { jobs: [known, ...others], atomic: true })).toMatchObject({
      status: 400,
      body: { error: { code: 'ATOMIC_REFUSED', issues: [{ path: ['jobs', 0, 'id'], code: 'id_taken' }] } },
    })
    expect(await jobsIn(errand)).toBe(7)
  })

  it('of jobs that come all or none, twice at once, is written once', async () => {
    await using errand = await testErrand(workers)
    await using beside = await testErrand(workers, { beside: errand })
    const jobs = [0, 0].map(() => ({ worker: 'note', args: { n: 1 }, id: idOf(errand), delay: '1h' }))
    const tries = await Promise.all([errand, beside].map((each) => each.post('/jobs', { jobs, atomic: true })))
    const taken = tries.filter(({ status }) => status === 200)
    expect(taken.length).toBeGreaterThan(0)
    // the other one is told to ask again, and then hears of the first
    const others = tries.filter(({ status }) => status !== 200)
    expect(others.map(({ body }) => body.error.code as string)).toEqual(others.map(() => 'UNAVAILABLE'))
    expect(await errand.post('/jobs', { jobs, atomic: true })).toMatchObject({
      status: 200,
      body: { outcomes: [{ existing: true }, { existing: true }] },
    })
    expect(await jobsIn(errand)).toBe(2)
  })

  it('of an item that a job of its key stood for is asked for anew, and the others are as they were', async () => {
    await using errand = await testErrand(workers)
    const owner = await errand.enqueue('merged', { n: 0 }, { delay: '1h' })
    const jobs = [
      { worker: 'note', args: { n: 1 }, id: idOf(errand), delay: '1h' },
      { worker: 'merged', args: { n: 2 }, id: idOf(errand, 1), delay: '1h' },
      { worker: 'merged', args: { n: 3 }, id: idOf(errand, 2), delay: '1h' },
    ]
    const answer = { outcomes: [{ id: jobs[0]!.id }, { id: owner }, { id: owner }] }
    for (let tries = 0; tries < 2; tries++) {
      expect(await errand.post('/jobs', { jobs, atomic: true })).toMatchObject({ status: 200, body: answer })
    }
    expect(await jobsIn(errand)).toBe(2)
  })

  it('stands once in a request whose jobs come all or none, and not at all in a group', async () => {
    await using errand = await testErrand(workers)
    const job = { worker: 'note', args: { n: 1 }, id: idOf(errand) }
    expect(await errand.post('/jobs', { jobs: [job, { ...job, worker: 'other' }], atomic: true })).toMatchObject({
      status: 400,
      body: { error: { code: 'ATOMIC_REFUSED', issues: [{ path: ['jobs', 1, 'id'], code: 'id_taken' }] } },
    })
    expect(await errand.post('/groups', { jobs: [job] })).toMatchObject({
      status: 400,
      body: { error: { code: 'ATOMIC_REFUSED', issues: [{ path: ['jobs', 0, 'id'], code: 'id_given' }] } },
    })
    expect(await jobsIn(errand)).toBe(0)
  })

  it('of a request of many is that of its first job, and the others have those that follow', async () => {
    await using errand = await testErrand(workers)
    for (const atomic of [false, true]) {
      const own = idOf(errand)
      const jobs = [{}, {}, { id: own }, {}].map((more) => ({ worker: 'note', args: { n: 1 }, delay: '1h', ...more }))
      const id = idOf(errand)
      const ids = [id, idAt(id, 1), own, idAt(id, 3)]
      for (const existing of [undefined, true]) {
        const { status, body } = await errand.post('/jobs', { jobs, id, atomic })
        expect([status, body.outcomes.map((outcome: { id: string }) => outcome.id)]).toEqual([200, ids])
        expect(body.outcomes.map((outcome: { existing?: true }) => outcome.existing)).toEqual(ids.map(() => existing))
      }
    }
    expect((await errand.post('/jobs', { jobs: [], id: randomUUID() })).status).toBe(400)
    expect(await jobsIn(errand)).toBe(8)
  })

  it('grows with its place, also beyond what a millisecond holds', async () => {
    await using errand = await testErrand(workers)
    const newId = createIds(() => errand.clock.now())
    const [first, second] = [newId(10_000), newId()]
    const ids = Array.from({ length: 10_000 }, (_, place) => idAt(first, place))
    expect([...ids, second].toSorted()).toEqual([...ids, second])
    expect(new Set([...ids, second]).size).toBe(10_001)
    expect(ids.every((id) => z.uuidv7().safeParse(id).success)).toBe(true)
  })

  it('twice in a request of many is one job, and that of another worker is refused', async () => {
    await using errand = await testErrand(workers)
    const job = { worker: 'note', args: { n: 1 }, id: idOf(errand), delay: '1h' }
    const { body } = await errand.post('/jobs', { jobs: [job, job, { ...job, worker: 'other' }] })
    expect(body.outcomes).toMatchObject([
      { ok: true, id: job.id },
      { ok: true, id: job.id, existing: true },
      { ok: false, error: { code: 'BAD_REQUEST' } },
    ])
    expect(await errand.get(job.id)).toMatchObject({ worker: 'note' })
  })
})
