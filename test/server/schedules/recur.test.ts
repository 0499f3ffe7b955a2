import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { cancelJob } from '../../../server/operations/jobActions.js'
import { testErrand, type TestErrand } from '../../support/errand.js'

const report = defineJob({
  args: z.object({ day: z.string().default('today') }),
  schedule: { cron: '0 9 * * *', timezone: 'America/Montreal' },
  run: () => null,
})
const plain = defineJob({ args: z.object({ n: z.number().optional() }), run: () => null })

/** In the order of their occurrences, which their ids begin with. */
const jobsOf = ({ database }: TestErrand) =>
  database.db.collection<{ _id: string; runAt: Date }>('errand_jobs').find().sort({ _id: 1 }).toArray()
const minuteOf = (at: Date) => (at.getTime() - Date.parse('2030-01-01T00:00:00Z')) / 60_000
const tickOf = (id: string) => new Date(Number.parseInt(id.replace('-', '').slice(0, 12), 16))
const minutesOf = (jobs: { _id: string }[]) => jobs.map(({ _id }) => minuteOf(tickOf(_id)))

describe('recur', () => {
  it('makes a job for each occurrence of a schedule in code, in its time zone', async () => {
    await using errand = await testErrand({ report })
    await errand.coordinator.start()
    await errand.coordinator.stop()
    const jobs = () => errand.database.db.collection('errand_jobs').find().toArray()
    errand.clock.set(new Date('2030-01-01T13:59:59Z'))
    await errand.recur()
    expect(await jobs()).toHaveLength(0)
    await errand.clock.advance('1s')
    expect(await errand.recur()).toEqual(new Date('2030-01-02T14:00:00Z'))
    await errand.recur()
    expect(await jobs()).toMatchObject([{ worker: 'report', scheduleId: 'code:report', state: 'queued' }])
  })

  it('makes one job for an occurrence however many coordinators race', async () => {
    await using errand = await testErrand({ plain })
    const answer = await errand.post('/job', { worker: 'plain', args: { n: 1 }, cron: '*/5 * * * *' })
    expect(answer).toEqual({
      status: 201,
      body: { scheduleId: expect.any(String), nextRunAt: '2030-01-01T00:05:00.000Z' },
    })
    const others = await Promise.all(Array.from({ length: 4 }, () => testErrand({ plain }, { beside: errand })))
    for (let n = 0; n < 3; n++) {
      await errand.clock.advance('5m')
      await Promise.all([errand, ...others].map((each) => each.recur()))
    }
    await Promise.all(others.map((other) => other[Symbol.asyncDispose]()))
    expect(await errand.database.db.collection('errand_jobs').countDocuments()).toBe(3)
  })

  it('gives its jobs the priority it was made with', async () => {
    await using errand = await testErrand({ plain })
    await errand.post('/job', { worker: 'plain', cron: '*/5 * * * *', priority: 7 })
    await errand.clock.advance('5m')
    await errand.recur()
    expect(await errand.database.db.collection('errand_jobs').find().toArray()).toMatchObject([{ priority: 7 }])
  })

  it('makes one job for the last missed occurrence after downtime', async () => {
    await using errand = await testErrand({ plain })
    await errand.post('/job', { worker: 'plain', cron: '*/5 * * * *' })
    await errand.clock.advance('62m')
    await errand.recur()
    const jobs = await errand.database.db.collection('errand_jobs').find().toArray()
    expect(jobs.map(({ runAt }) => runAt)).toEqual([new Date('2030-01-01T01:00:00Z')])
  })

  it('does not make an occurrence twice when the coordinator dies before it has moved the schedule on', async () => {
    await using errand = await testErrand({ plain })
    await errand.post('/job', { worker: 'plain', cron: '*/5 * * * *' })
    const { store } = errand.coordinator.deps
    const { schedules } = store
    store.schedules = { ...schedules, advance: () => Promise.reject(new Error('killed')) }
    await errand.clock.advance('5m')
    await expect(errand.recur()).rejects.toThrow('killed')
    store.schedules = schedules
    await errand.recur()
    expect(await errand.database.db.collection('errand_jobs').countDocuments()).toBe(1)
  })

  it('takes changes and removals in code at start, and keeps the next occurrence of what stays', async () => {
    await using errand = await testErrand({ report, plain })
    const schedules = () => errand.database.db.collection<{ _id: string }>('errand_schedules').find().toArray()
    await errand.coordinator.start()
    const [before] = await schedules()
    const changed = { ...report, schedule: { cron: '30 9 * * *', timezone: 'America/Montreal' } }
    await using second = await testErrand({ report: changed, plain }, { beside: errand })
    await second.coordinator.start()
    expect(before).toMatchObject({ _id: 'code:report', nextRunAt: new Date('2030-01-01T14:00:00Z') })
    expect(await schedules()).toMatchObject([{ nextRunAt: new Date('2030-01-01T14:30:00Z') }])
    await using third = await testErrand({ plain }, { beside: errand })
    await third.coordinator.start()
    expect(await schedules()).toEqual([])
  })
})

describe('occurrences that were missed', () => {
  const ticksAfterAnHour = async (schedule: Record<string, unknown>) => {
    await using errand = await testErrand({ plain })
    await errand.post('/schedules', { id: 'a', worker: 'plain', cron: '*/20 * * * *', ...schedule })
    await errand.clock.advance('62m')
    await errand.recur()
    await errand.recur()
    return minutesOf(await jobsOf(errand))
  }

  it.each([
    ['last', [60]],
    ['all', [20, 40, 60]],
    ['skip', []],
  ])("make jobs as the schedule says: '%s'", async (missed, minutes) => {
    expect(await ticksAfterAnHour({ missed })).toEqual(minutes)
  })

  it('are made up in rounds where there are many, each once', async () => {
    await using errand = await testErrand({ plain })
    await errand.post('/schedules', { id: 'a', worker: 'plain', every: '1s', missed: 'all' })
    await errand.clock.advance('2500s')
    await using second = await testErrand({ plain }, { beside: errand })
    await Promise.all([errand.recur(), second.recur()])
    while ((await errand.recur())! <= errand.clock.now());
    const jobs = await jobsOf(errand)
    expect(jobs).toHaveLength(2_500)
    expect(jobs.at(-1)!['runAt']).toEqual(errand.clock.now())
  })

  it('are not lost to a crash in the middle of a round', async () => {
    await using errand = await testErrand({ plain })
    await errand.post('/schedules', { id: 'a', worker: 'plain', cron: '*/20 * * * *', missed: 'all' })
    await errand.clock.advance('62m')
    const { writes } = errand.coordinator.deps
    const { insertJob } = writes
    let inserted = 0
    writes.insertJob = (job) => (++inserted === 2 ? Promise.reject(new Error('killed')) : insertJob(job))
    await expect(errand.recur()).rejects.toThrow('killed')
    await errand.recur()
    expect(minutesOf(await jobsOf(errand))).toEqual([20, 40, 60])
  })

  it('do not keep other schedules from their turn when one of them throws', async () => {
    await using errand = await testErrand({ plain })
    await errand.post('/schedules', { id: 'a', worker: 'plain', cron: '*/20 * * * *' })
    await errand.post('/schedules', { id: 'b', worker: 'plain', cron: '*/30 * * * *' })
    // as left by a Node that knew a zone more
    await errand.database.db
      .collection<{ _id: string }>('errand_schedules')
      .updateOne({ _id: 'a' }, { $set: { timezone: 'Mars/Base' } })
    await errand.clock.advance('30m')
    await expect(errand.recur()).rejects.toThrow('Mars/Base')
    expect(minutesOf(await jobsOf(errand))).toEqual([30])
  })
})

describe('an occurrence while the last job is not final', () => {
  /** A worker whose jobs end when the test says so. */
  const slowly = () => {
    const started: string[] = []
    const gates = new Map<string, () => void>()
    let onStart = () => {}
    const slow = defineJob({
      args: z.object({}),
      timeout: '7d',
      retry: { attempts: 2, backoff: ['1h'] },
      run: (_args, { jobId }) =>
        new Promise<null>((resolve, reject) => {
          started.push(jobId)
          gates.set(jobId, () => resolve(null))
          gates.set(`${jobId} fails`, () => reject(new Error('it failed')))
          onStart()
        }),
    })
    const open = (id: string) => gates.get(id)!()
    const nextStart = () => new Promise<void>((resolve) => (onStart = resolve))
    return { slow, started, open, nextStart }
  }
  const finished = ({ coordinator }: TestErrand, id: string) =>
    new Promise<void>((resolve) => {
      const stop = coordinator.deps.events.on('attempted', ({ job }) => {
        if (job._id !== id) return
        stop()
        resolve()
      })
    })

  it("makes its job all the same with 'allow'", async () => {
    const { slow } = slowly()
    await using errand = await testErrand({ slow })
    await errand.post('/schedules', { id: 'a', worker: 'slow', every: '10m' })
    for (let n = 0; n < 3; n++) {
      await errand.clock.advance('10m')
      await errand.recur()
      await errand.claim()
    }
    expect(minutesOf(await jobsOf(errand))).toEqual([10, 20, 30])
  })

  it("is left out with 'skip', until the job is final, through its retries", async () => {
    const { slow, open } = slowly()
    await using errand = await testErrand({ slow })
    await errand.post('/schedules', { id: 'a', worker: 'slow', every: '10m', overlap: 'skip' })
    const occurrence = async () => {
      await errand.clock.advance('10m')
      await errand.recur()
      await errand.claim()
    }
    await occurrence()
    const [first] = await jobsOf(errand)
    await occurrence()
    const failed = finished(errand, first!._id)
    open(`${first!._id} fails`)
    await failed
    expect(await errand.get(first!._id)).toMatchObject({ state: 'scheduled' })
    await occurrence()
    expect(minutesOf(await jobsOf(errand))).toEqual([10])
    await errand.clock.advance('1h')
    await errand.stage()
    await errand.claim()
    const ended = finished(errand, first!._id)
    open(first!._id)
    await ended
    await occurrence()
    expect(minutesOf(await jobsOf(errand))).toEqual([10, 100])
    expect(await errand.coordinator.deps.store.schedules.find('a')).toMatchObject({
      lastRunAt: new Date('2030-01-01T01:40:00Z'),
    })
  })

  it("makes its job after it with 'queue', one at a time and in order", async () => {
    const { slow, started, open } = slowly()
    await using errand = await testErrand({ slow })
    await errand.post('/schedules', { id: 'a', worker: 'slow', every: '10m', overlap: 'queue' })
    for (let n = 0; n < 3; n++) {
      await errand.clock.advance('10m')
      await errand.recur()
      await errand.claim()
    }
    const waiting = async () => (await errand.coordinator.deps.store.schedules.find('a'))!.waiting?.map(minuteOf)
    expect(minutesOf(await jobsOf(errand))).toEqual([10])
    expect(await waiting()).toEqual([20, 30])
    for (const minutes of [
      [10, 20],
      [10, 20, 30],
      [10, 20, 30],
    ]) {
      const ended = finished(errand, started.at(-1)!)
      open(started.at(-1)!)
      await ended
      await errand.recur()
      await errand.recur()
      await errand.claim()
      expect(minutesOf(await jobsOf(errand))).toEqual(minutes)
    }
    expect(await waiting()).toBeUndefined()
    expect(started).toEqual((await jobsOf(errand)).map(({ _id }) => _id))
  })

  it("makes its job as soon as the one before ends with 'queue', also when that was cancelled", async () => {
    const { slow, started, open, nextStart } = slowly()
    await using errand = await testErrand({ slow })
    const { store } = errand.coordinator.deps
    const { schedules } = store
    let advanced = () => {}
    store.schedules = { ...schedules, advance: (...change) => schedules.advance(...change).then(() => advanced()) }
    await errand.coordinator.start()
    await errand.post('/schedules', { id: 'a', worker: 'slow', every: '10m', overlap: 'queue' })
    for (let n = 1; n <= 3; n++) {
      const fired = new Promise<void>((resolve) => (advanced = resolve))
      const begun = n === 1 ? nextStart() : undefined
      await errand.clock.advance('10m')
      await fired
      await begun
    }
    // from here on the clock stands still
    const second = nextStart()
    open(started[0]!)
    await second
    const third = nextStart()
    await cancelJob(errand.coordinator.deps, started[1]!)
    await third
    expect(started.map((id) => minuteOf(tickOf(id)))).toEqual([10, 20, 30])
  })

  it.each(['skip', 'queue'] as const)("counts jobs made by hand with '%s'", async (overlap) => {
    const { slow } = slowly()
    await using errand = await testErrand({ slow })
    await errand.post('/schedules', { id: 'a', worker: 'slow', every: '10m', overlap })
    const byHand = { _id: 'by hand', worker: 'slow', scheduleId: 'a', state: 'scheduled' }
    await errand.database.db.collection<{ _id: string }>('errand_jobs').insertOne(byHand)
    await errand.clock.advance('10m')
    await errand.recur()
    expect(await jobsOf(errand)).toMatchObject([{ _id: 'by hand' }])
  })

  it.each(['skip', 'queue'] as const)(
    "makes one job for each occurrence with '%s' however many coordinators race",
    async (overlap) => {
      await using errand = await testErrand({ plain })
      await errand.post('/schedules', { id: 'a', worker: 'plain', every: '10m', overlap })
      const others = await Promise.all(Array.from({ length: 3 }, () => testErrand({ plain }, { beside: errand })))
      for (let n = 0; n < 3; n++) {
        await errand.clock.advance('10m')
        await Promise.all([errand, ...others].map((each) => each.recur()))
        await errand.run()
        // a job may have started with its insert, on the coordinator that made it
        await Promise.all(others.map(({ coordinator }) => coordinator.dispatcher.idle()))
      }
      await Promise.all(others.map((other) => other[Symbol.asyncDispose]()))
      expect(minutesOf(await jobsOf(errand))).toEqual([10, 20, 30])
    },
  )

  it.each(['advance', 'takeWaiting'] as const)(
    "is neither lost nor made twice with 'queue' when the coordinator dies before it could %s",
    async (step) => {
      await using errand = await testErrand({ plain })
      await errand.post('/schedules', { id: 'a', worker: 'plain', every: '10m', overlap: 'queue' })
      const { store } = errand.coordinator.deps
      const { schedules } = store
      store.schedules = { ...schedules, [step]: () => Promise.reject(new Error('killed')) }
      await errand.clock.advance('20m')
      await expect(errand.recur()).rejects.toThrow('killed')
      store.schedules = schedules
      await errand.recur()
      expect((await store.schedules.find('a'))!.waiting).toBeUndefined()
      await errand.run()
      await errand.recur()
      expect(minutesOf(await jobsOf(errand))).toEqual([20])
    },
  )

  it("is left out with 'queue' where a thousand wait", async () => {
    const { slow } = slowly()
    await using errand = await testErrand({ slow })
    await errand.post('/schedules', { id: 'a', worker: 'slow', every: '1s', overlap: 'queue', missed: 'all' })
    await errand.clock.advance('1500s')
    await errand.recur()
    const schedule = await errand.coordinator.deps.store.schedules.find('a')
    expect(schedule!.waiting).toHaveLength(999)
    expect(await jobsOf(errand)).toHaveLength(1)
  })

  it('that waited is made at once when its schedule queues no more', async () => {
    const { slow } = slowly()
    await using errand = await testErrand({ slow })
    const rule = { id: 'a', worker: 'slow', every: '10m' }
    await errand.post('/schedules', { ...rule, overlap: 'queue' })
    for (let n = 0; n < 3; n++) {
      await errand.clock.advance('10m')
      await errand.recur()
    }
    await errand.post('/schedules', rule)
    await errand.recur()
    expect(minutesOf(await jobsOf(errand))).toEqual([10, 20, 30])
  })

  it('is found by an index that holds the unfinished jobs of schedules alone', async () => {
    await using errand = await testErrand({ plain })
    await errand.database.db
      .collection<{ _id: string }>('errand_jobs')
      .insertMany(Array.from({ length: 500 }, (_, n) => ({ _id: `${n}`, scheduleId: 'a', state: 'succeeded' })))
    const query = { scheduleId: 'a', state: { $in: ['scheduled', 'queued', 'blocked', 'running'] }, _id: { $ne: 'b' } }
    const explained = await errand.database.db
      .collection<{ _id: string }>('errand_jobs')
      .find(query as never, { hint: 'ofSchedule' })
      .explain('executionStats')
    expect(explained['executionStats']).toMatchObject({ totalDocsExamined: 0 })
  })
})
