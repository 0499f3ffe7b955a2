import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { reconcileSchedules } from '../../../server/schedules/define.js'
import { testErrand, type TestErrand } from '../../support/errand.js'

const args = z.object({ n: z.number().optional() })
const plain = defineJob({ args, run: () => null })
const nightly = defineJob({ args, schedule: { cron: '0 3 * * *', args: { n: 1 } }, run: () => null })
/** Its jobs run until they are cancelled. */
const endless = defineJob({
  args,
  timeout: '7d',
  unique: { key: ({ n }) => `${n}`, onConflict: 'reject' },
  run: () => new Promise<null>(() => {}),
})

type Body = Record<string, any> // oxlint-disable-line typescript/no-explicit-any
const ask = async ({ coordinator }: TestErrand, method: string, path: string, body?: unknown) => {
  const init = { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) ?? null }
  const response = await coordinator.fetch(new Request(`http://coordinator.test${path}`, init))
  return { status: response.status, body: (await response.json()) as Body }
}
const stored = (errand: TestErrand, id = 'a') => errand.coordinator.deps.store.schedules.find(id)
const jobsOf = ({ database }: TestErrand) => database.db.collection('errand_jobs').find().sort({ _id: 1 }).toArray()
const withHourly = async (rule: object = {}) => {
  const errand = await testErrand({ plain, nightly, endless })
  await errand.post('/schedules', { id: 'a', worker: 'plain', cron: '0 * * * *', args: { n: 1 }, ...rule })
  return errand
}

describe('update', () => {
  it('changes what is given, and leaves the rest', async () => {
    await using errand = await withHourly({ priority: 3, spread: '1m', timezone: 'Asia/Kolkata' })
    const { status, body } = await ask(errand, 'PATCH', '/schedules/a', { args: { n: 2 }, missed: 'all', spread: null })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      cron: '0 * * * *',
      timezone: 'Asia/Kolkata',
      args: { n: 2 },
      priority: 3,
      missed: 'all',
      nextRunAt: '2030-01-01T00:30:00.000Z',
    })
    expect(body).not.toHaveProperty('spread')
    expect(await ask(errand, 'GET', '/schedules/a')).toEqual({ status: 200, body })
  })

  it('puts every in the place of cron, and the other way round', async () => {
    await using errand = await withHourly()
    const often = await ask(errand, 'PATCH', '/schedules/a', { every: '7m' })
    expect(often.body).toMatchObject({ every: '7m', nextRunAt: '2030-01-01T00:07:00.000Z' })
    expect(often.body).not.toHaveProperty('cron')
    const daily = await ask(errand, 'PATCH', '/schedules/a', { cron: '0 5 * * *', timezone: 'Europe/Berlin' })
    expect(daily.body).toMatchObject({ cron: '0 5 * * *', nextRunAt: '2030-01-01T04:00:00.000Z' })
    expect(daily.body).not.toHaveProperty('every')
    // the same through a schedule that is made anew under its id
    await errand.post('/schedules', { id: 'a', worker: 'plain', every: '7m' })
    expect(await stored(errand)).toMatchObject({ every: '7m', nextRunAt: new Date('2030-01-01T00:07:00Z') })
    const again = await errand.post('/schedules', { id: 'a', worker: 'plain', cron: '0 * * * *' })
    expect(again.body.nextRunAt).toBe('2030-01-01T01:00:00.000Z')
  })

  it('takes fields back to their defaults with null', async () => {
    await using errand = await withHourly({
      priority: 3,
      dstOverlap: 'first',
      overlap: 'skip',
      timezone: 'Europe/Berlin',
    })
    const { body } = await ask(errand, 'PATCH', '/schedules/a', { dstOverlap: null, overlap: null, timezone: null })
    expect(body).toMatchObject({ dstOverlap: 'both', overlap: 'allow', timezone: 'UTC', priority: 3 })
  })

  it('makes what is due by the old rule first', async () => {
    await using errand = await withHourly()
    await errand.clock.advance('61m')
    const { body } = await ask(errand, 'PATCH', '/schedules/a', { cron: '*/20 * * * *' })
    expect(body).toMatchObject({ lastRunAt: '2030-01-01T01:00:00.000Z', nextRunAt: '2030-01-01T01:20:00.000Z' })
    expect(await jobsOf(errand)).toHaveLength(1)
  })

  it('keeps both of two changes that come at once', async () => {
    await using errand = await withHourly()
    await using second = await testErrand({ plain }, { beside: errand })
    await Promise.all([
      ask(errand, 'PATCH', '/schedules/a', { priority: 9 }),
      ask(second, 'PATCH', '/schedules/a', { cron: '30 * * * *' }),
      ask(errand, 'PATCH', '/schedules/a', { missed: 'skip' }),
      ask(second, 'POST', '/schedules/a/pause'),
    ])
    const { body } = await ask(errand, 'GET', '/schedules/a')
    expect(body).toMatchObject({ priority: 9, cron: '30 * * * *', missed: 'skip', nextRunAt: null })
    expect(body).toHaveProperty('pausedAt')
  })

  it.each([
    ['nothing', {}, 'BAD_REQUEST'],
    ['both rhythms', { cron: '* * * * *', every: '1m' }, 'BAD_REQUEST'],
    ['an unknown field', { worker: 'plain' }, 'BAD_REQUEST'],
    ['no rhythm', { cron: null }, 'BAD_REQUEST'],
    ['a bad expression', { cron: '61 * * * *' }, 'INVALID_TIME'],
    ['a bad zone', { timezone: 'Mars/Base' }, 'INVALID_TIME'],
    ['args that do not fit', { args: { n: 'two' } }, 'INVALID_ARGS'],
  ])('is refused with %s, and changes nothing', async (_what, change, code) => {
    await using errand = await withHourly()
    const before = await stored(errand)
    expect(await ask(errand, 'PATCH', '/schedules/a', change)).toMatchObject({ status: 400, body: { error: { code } } })
    expect(await stored(errand)).toEqual(before)
  })

  it('is for schedules made at run time', async () => {
    await using errand = await withHourly()
    await reconcileSchedules(errand.coordinator.deps)
    expect(await ask(errand, 'PATCH', '/schedules/code:nightly', { priority: 1 })).toMatchObject({
      status: 409,
      body: { error: { code: 'WRONG_STATE', message: expect.stringContaining('Change `schedule` of nightly') } },
    })
    expect(await ask(errand, 'PATCH', '/schedules/nobody', { priority: 1 })).toMatchObject({ status: 404 })
  })
})

describe('pause', () => {
  it('makes no jobs until the schedule is resumed, which leaves the occurrences in between out', async () => {
    await using errand = await withHourly({ missed: 'all' })
    const paused = await ask(errand, 'POST', '/schedules/a/pause')
    expect(paused).toMatchObject({ status: 200, body: { pausedAt: '2030-01-01T00:00:00.000Z', nextRunAt: null } })
    await errand.clock.advance('3.5h')
    expect(await errand.recur()).toBeUndefined()
    const resumed = await ask(errand, 'POST', '/schedules/a/resume')
    expect(resumed.body).toMatchObject({ nextRunAt: '2030-01-01T04:00:00.000Z', lastRunAt: null })
    expect(resumed.body).not.toHaveProperty('pausedAt')
    await errand.recur()
    expect(await jobsOf(errand)).toEqual([])
    await errand.clock.advance('30m')
    await errand.recur()
    expect(await jobsOf(errand)).toMatchObject([{ runAt: new Date('2030-01-01T04:00:00Z') }])
  })

  it('and resume change nothing the second time', async () => {
    await using errand = await withHourly()
    const first = await ask(errand, 'POST', '/schedules/a/pause')
    await errand.clock.advance('1m')
    expect(await ask(errand, 'POST', '/schedules/a/pause')).toEqual(first)
    const resumed = await ask(errand, 'POST', '/schedules/a/resume')
    expect(await ask(errand, 'POST', '/schedules/a/resume')).toEqual(resumed)
    expect(await ask(errand, 'POST', '/schedules/nobody/pause')).toMatchObject({ status: 404 })
  })

  it('of a schedule made in code outlasts deploys, also of another rule', async () => {
    await using errand = await testErrand({ nightly })
    await reconcileSchedules(errand.coordinator.deps)
    await ask(errand, 'POST', '/schedules/code:nightly/pause')
    const changed = { ...nightly, schedule: { cron: '0 4 * * *', args: { n: 2 } } }
    await using next = await testErrand({ nightly: changed }, { beside: errand })
    await reconcileSchedules(next.coordinator.deps)
    expect(await stored(errand, 'code:nightly')).toMatchObject({ cron: '0 4 * * *', nextRunAt: null })
    await next.clock.advance('2d')
    await next.recur()
    expect(await jobsOf(errand)).toEqual([])
    const { body } = await ask(next, 'POST', '/schedules/code:nightly/resume')
    expect(body['nextRunAt']).toBe('2030-01-03T04:00:00.000Z')
  })

  it('of a schedule made at run time outlasts its being made again', async () => {
    await using errand = await withHourly()
    await ask(errand, 'POST', '/schedules/a/pause')
    const { body } = await errand.post('/schedules', { id: 'a', worker: 'plain', cron: '30 * * * *' })
    expect(body).toEqual({ scheduleId: 'a', nextRunAt: null })
  })

  it('holds back occurrences that wait for the end of a job, and resuming lets them go on', async () => {
    await using errand = await withHourly()
    await errand.post('/schedules', { id: 'e', worker: 'endless', every: '10m', overlap: 'queue' })
    for (let n = 0; n < 2; n++) {
      await errand.clock.advance('10m')
      await errand.recur()
    }
    await ask(errand, 'POST', '/schedules/e/pause')
    const [running] = await jobsOf(errand)
    await ask(errand, 'DELETE', `/job/${String(running!._id)}`)
    await errand.recur()
    expect(await jobsOf(errand)).toHaveLength(1)
    const due: Date[] = []
    errand.coordinator.deps.events.on('scheduleDue', (at) => due.push(at))
    await ask(errand, 'POST', '/schedules/e/resume')
    expect(due[0]).toEqual(errand.clock.now())
    await errand.recur()
    expect(await jobsOf(errand)).toHaveLength(2)
  })

  it('is not undone by a coordinator that was firing it', async () => {
    await using errand = await withHourly()
    await using slow = await testErrand({ plain }, { beside: errand })
    await errand.clock.advance('1h')
    const { writes } = slow.coordinator.deps
    const { insertJob } = writes
    writes.insertJob = async (job) => {
      await ask(errand, 'POST', '/schedules/a/pause')
      return insertJob(job)
    }
    await slow.recur()
    expect(await stored(errand)).toMatchObject({ nextRunAt: null, pausedAt: new Date('2030-01-01T01:00:00Z') })
  })
})

describe('run', () => {
  it('makes a job at once with the args and priority of the schedule, and leaves its occurrences', async () => {
    await using errand = await withHourly({ priority: 7 })
    await errand.clock.advance('10m')
    const { status, body } = await ask(errand, 'POST', '/schedules/a/run')
    expect({ status, body }).toEqual({
      status: 201,
      body: { id: expect.any(String), state: 'queued', runAt: '2030-01-01T00:10:00.000Z' },
    })
    expect(await errand.get(body['id'])).toMatchObject({ args: { n: 1 }, priority: 7, scheduleId: 'a' })
    expect(await stored(errand)).toMatchObject({ nextRunAt: new Date('2030-01-01T01:00:00Z'), lastRunAt: null })
  })

  it('works for those that are paused, and for those made in code', async () => {
    await using errand = await testErrand({ nightly })
    await reconcileSchedules(errand.coordinator.deps)
    await ask(errand, 'POST', '/schedules/code:nightly/pause')
    expect(await ask(errand, 'POST', '/schedules/code:nightly/run')).toMatchObject({ status: 201 })
    expect(await stored(errand, 'code:nightly')).toMatchObject({ nextRunAt: null })
  })

  it('makes a job each time, unless the key of its worker is held', async () => {
    await using errand = await withHourly()
    for (let n = 0; n < 2; n++) await ask(errand, 'POST', '/schedules/a/run')
    expect(await jobsOf(errand)).toHaveLength(2)
    await errand.post('/schedules', { id: 'e', worker: 'endless', every: '1h' })
    await ask(errand, 'POST', '/schedules/e/run')
    expect(await ask(errand, 'POST', '/schedules/e/run')).toMatchObject({
      status: 409,
      body: { error: { code: 'KEY_TAKEN' } },
    })
  })

  it('is refused where the worker is not deployed, or no longer takes the args', async () => {
    await using errand = await withHourly()
    const strict = defineJob({ args: z.object({ n: z.string() }), run: () => null })
    await using other = await testErrand({ plain: strict }, { beside: errand })
    expect(await ask(other, 'POST', '/schedules/a/run')).toMatchObject({
      status: 400,
      body: { error: { code: 'INVALID_ARGS' } },
    })
    await using empty = await testErrand({}, { beside: errand })
    expect(await ask(empty, 'POST', '/schedules/a/run')).toMatchObject({
      status: 404,
      body: { error: { code: 'UNKNOWN_WORKER' } },
    })
    expect(await ask(errand, 'POST', '/schedules/nobody/run')).toMatchObject({
      status: 404,
      body: { error: { code: 'UNKNOWN_SCHEDULE' } },
    })
    expect(await jobsOf(errand)).toEqual([])
  })
})

describe('the description of the routes', () => {
  it('has each of them', async () => {
    await using errand = await testErrand({ plain })
    const { body } = await ask(errand, 'GET', '/openapi.json')
    const routes = Object.entries(body['paths'] as Body)
      .filter(([path]) => path.startsWith('/schedules'))
      .flatMap(([path, methods]) => Object.keys(methods as Body).map((method) => `${method} ${path}`))
    expect(routes.toSorted()).toEqual([
      'delete /schedules/{id}',
      'get /schedules',
      'get /schedules/{id}',
      'patch /schedules/{id}',
      'post /schedules',
      'post /schedules/preview',
      'post /schedules/{id}/pause',
      'post /schedules/{id}/resume',
      'post /schedules/{id}/run',
    ])
  })
})
