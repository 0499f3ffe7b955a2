/** What a schedule is, and how its rule changes. What becomes of its occurrences is in recur.test.ts. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import type { SchedulePolicy } from '../../../core/job/defineJob.js'
import { reconcileSchedules } from '../../../server/schedules/define.js'
import { testErrand, type TestErrand, type TestWorkers } from '../../support/errand.js'

const plain = defineJob({ args: z.object({ n: z.number().optional() }), run: () => null })
const scheduled = (schedule: SchedulePolicy<{ n?: number | undefined }>) =>
  defineJob({ args: z.object({ n: z.number().optional() }), schedule, run: () => null })

const iso = (date: unknown) => (date as Date).toISOString().replace(':00.000Z', 'Z')
const ticksMade = async ({ database }: TestErrand) =>
  (await database.db.collection('errand_jobs').find().sort({ runAt: 1 }).toArray()).map(({ runAt }) => iso(runAt))
const stored = (errand: TestErrand, id: string) => errand.coordinator.deps.store.schedules.find(id)
const deploy = async (workers: TestWorkers, beside: TestErrand): Promise<TestErrand> => {
  const next = await testErrand(workers, { beside })
  await reconcileSchedules(next.coordinator.deps)
  return next
}
const ask = async ({ coordinator }: TestErrand, path: string, init: RequestInit = {}) => {
  const response = await coordinator.fetch(new Request(`http://coordinator.test${path}`, init))
  return { status: response.status, body: await response.json() }
}

describe('a schedule', () => {
  it('is made in code with all its policies, which are shown with their defaults', async () => {
    const nightly = scheduled({
      cron: '0 3 * * *',
      timezone: 'Europe/Berlin',
      args: { n: 1 },
      priority: 7,
      dstGap: 'skip',
      missed: 'all',
      overlap: 'queue',
      spread: '10m',
    })
    await using errand = await testErrand({ nightly })
    await reconcileSchedules(errand.coordinator.deps)
    expect(await ask(errand, '/schedules/code:nightly')).toEqual({
      status: 200,
      body: {
        id: 'code:nightly',
        worker: 'nightly',
        cron: '0 3 * * *',
        timezone: 'Europe/Berlin',
        dstGap: 'skip',
        dstOverlap: 'first',
        missed: 'all',
        overlap: 'queue',
        spread: '10m',
        args: { n: 1 },
        priority: 7,
        nextRunAt: expect.stringMatching(/^2030-01-01T02:0\d:\d\d\.000Z$/),
        lastRunAt: null,
        waiting: 0,
        source: 'code',
        createdAt: '2030-01-01T00:00:00.000Z',
      },
    })
  })

  it('is made at run time, by POST /schedules with its policies, and by POST /job with cron or every', async () => {
    await using errand = await testErrand({ plain })
    const rule = { worker: 'plain', cron: '0 9 * * *', timezone: 'Asia/Kolkata', dstOverlap: 'both' }
    expect(await errand.post('/schedules', { id: 'a', ...rule })).toEqual({
      status: 201,
      body: { scheduleId: 'a', nextRunAt: '2030-01-01T03:30:00.000Z' },
    })
    expect(await errand.post('/job', { key: 'b', worker: 'plain', every: '90s' })).toEqual({
      status: 201,
      body: { scheduleId: 'b', nextRunAt: '2030-01-01T00:01:30.000Z' },
    })
    const {
      body: { schedules: body },
    } = await ask(errand, '/schedules')
    expect(body).toMatchObject([
      { id: 'a', dstOverlap: 'both', source: 'api' },
      { id: 'b', every: '90s', timezone: 'UTC' },
    ])
  })

  it.each([
    ['no rhythm', {}, 'BAD_REQUEST', 'cron'],
    ['two rhythms', { cron: '* * * * *', every: '1m' }, 'BAD_REQUEST', 'every'],
    ['an unknown policy', { every: '1m', dstGap: 'jump' }, 'BAD_REQUEST', 'dstGap'],
    ['an unknown field', { every: '1m', jitter: '1m' }, 'BAD_REQUEST', 'jitter'],
    ['an interval below a second', { every: '999ms' }, 'INVALID_TIME', 'every'],
    ['a window below a second', { every: '1m', spread: '10ms' }, 'INVALID_TIME', 'spread'],
    ['an unknown zone', { cron: '* * * * *', timezone: 'Mars/Base' }, 'INVALID_TIME', 'timezone'],
    ['a hashed field, which would be another each time', { cron: 'H 9 * * *' }, 'INVALID_TIME', 'cron'],
    ['a date that never comes', { cron: '0 0 30 2 *' }, 'INVALID_TIME', 'cron'],
  ])('is refused with %s', async (_what, rule, code, field) => {
    await using errand = await testErrand({ plain })
    const { status, body } = await errand.post('/schedules', { worker: 'plain', ...rule })
    expect({ status, code: body.error.code }).toEqual({ status: 400, code })
    expect(body.error.issues.map(({ path }: { path: string[] }) => path[0])).toEqual([field])
    expect(await ask(errand, '/schedules')).toEqual({ status: 200, body: { schedules: [] } })
  })

  it('that repeats is no job with a time or a key of its own', async () => {
    await using errand = await testErrand({ plain })
    for (const extra of [{ runAt: '2031-01-01' }, { delay: '1m' }, { unique: { key: 'a' } }, { cron: '* * * * *' }]) {
      expect(await errand.post('/job', { worker: 'plain', every: '1m', ...extra })).toMatchObject({ status: 400 })
    }
  })

  it('is removed unless it is made in code', async () => {
    await using errand = await testErrand({ nightly: scheduled({ cron: '0 3 * * *' }), plain })
    await reconcileSchedules(errand.coordinator.deps)
    await errand.post('/schedules', { id: 'a', worker: 'plain', every: '1m' })
    const remove = (id: string) => ask(errand, `/schedules/${id}`, { method: 'DELETE' })
    expect(await remove('a')).toEqual({ status: 200, body: { id: 'a', removed: true } })
    expect(await remove('a')).toMatchObject({ status: 404, body: { error: { code: 'UNKNOWN_SCHEDULE' } } })
    expect(await remove('code:nightly')).toMatchObject({ status: 409, body: { error: { code: 'WRONG_STATE' } } })
  })
})

describe('every', () => {
  it('counts from when the schedule was first made, through restarts and other args', async () => {
    const n = (n: number) => ({ often: scheduled({ every: '7m', args: { n } }) })
    await using errand = await testErrand(n(1))
    await errand.clock.advance('13s')
    await reconcileSchedules(errand.coordinator.deps)
    expect(await errand.recur()).toEqual(new Date('2030-01-01T00:07:13Z'))
    await errand.clock.advance('8m')
    await errand.recur()
    await using second = await deploy(n(2), errand)
    expect(await second.recur()).toEqual(new Date('2030-01-01T00:14:13Z'))
    await using third = await deploy({ often: scheduled({ every: '5m' }) }, errand)
    expect(await third.recur()).toEqual(new Date('2030-01-01T00:10:13Z'))
  })
})

describe('spread', () => {
  it('moves the jobs of a schedule as its preview says', async () => {
    await using errand = await testErrand({ plain })
    for (const id of ['a', 'b', 'c']) {
      const { body } = await errand.post('/schedules', { id, worker: 'plain', cron: '0 * * * *', spread: '30m' })
      const preview = await errand.post('/schedules/preview', { id, count: 1 })
      expect(preview.body.occurrences[0].at).toBe(body.nextRunAt)
      const unstored = await errand.post('/schedules/preview', { id, cron: '0 * * * *', spread: '30m', count: 1 })
      expect(unstored.body.occurrences[0].at).toBe(body.nextRunAt)
    }
    await errand.clock.advance('1h')
    await errand.recur()
    const made = await ticksMade(errand)
    expect(made).toHaveLength(3)
    expect(new Set(made).size).toBe(3)
    for (const occurrence of made) expect(occurrence).toMatch(/^2030-01-01T00:[012]\d/)
  })
})

describe('a change of the rule', () => {
  it('makes what is due by the old rule first, and goes on by the new one after now', async () => {
    await using errand = await testErrand({ hourly: scheduled({ cron: '0 * * * *' }) })
    await reconcileSchedules(errand.coordinator.deps)
    await errand.clock.advance('61m')
    await using next = await deploy({ hourly: scheduled({ cron: '*/20 * * * *' }) }, errand)
    expect(await ticksMade(errand)).toEqual(['2030-01-01T01:00Z'])
    expect(iso((await stored(errand, 'code:hourly'))!.nextRunAt)).toBe('2030-01-01T01:20Z')
    await Promise.all([errand.recur(), next.recur()])
    expect(await ticksMade(errand)).toEqual(['2030-01-01T01:00Z'])
  })

  it('makes what is due with the new args, because the new worker may not take the old ones', async () => {
    const args = z.object({ region: z.string() })
    const older = scheduled({ cron: '0 * * * *', args: { n: 1 } })
    const newer = defineJob({ args, schedule: { cron: '30 * * * *', args: { region: 'eu' } }, run: () => null })
    await using errand = await testErrand({ report: older })
    await reconcileSchedules(errand.coordinator.deps)
    await errand.clock.advance('61m')
    await using _next = await deploy({ report: newer }, errand)
    const jobs = await errand.database.db.collection('errand_jobs').find().toArray()
    expect(jobs).toMatchObject([{ runAt: new Date('2030-01-01T01:00:00Z'), args: '{"region":"eu"}' }])
  })

  it('that leaves the occurrences as they are leaves a late one due', async () => {
    await using errand = await testErrand({ plain })
    const rule = { id: 'a', worker: 'plain', cron: '0 * * * *' }
    await errand.post('/schedules', rule)
    await errand.clock.advance('61m')
    const { body } = await errand.post('/schedules', { ...rule, args: { n: 2 }, priority: 9 })
    expect(body.nextRunAt).toBe('2030-01-01T01:00:00.000Z')
    await errand.recur()
    const jobs = await errand.database.db.collection('errand_jobs').find().toArray()
    expect(jobs).toMatchObject([{ args: '{"n":2}', priority: 9 }])
  })

  it('gives one job for an occurrence that both rules have', async () => {
    await using errand = await testErrand({ plain })
    await errand.post('/schedules', { id: 'a', worker: 'plain', cron: '0 * * * *' })
    await errand.clock.advance('1h')
    await errand.post('/schedules', { id: 'a', worker: 'plain', cron: '*/30 * * * *' })
    await errand.recur()
    await errand.clock.advance('30m')
    await errand.recur()
    expect(await ticksMade(errand)).toEqual(['2030-01-01T01:00Z', '2030-01-01T01:30Z'])
  })

  it('is not undone by a coordinator that was firing it by the old rule', async () => {
    await using errand = await testErrand({ plain })
    await using slow = await testErrand({ plain }, { beside: errand })
    await errand.post('/schedules', { id: 'a', worker: 'plain', cron: '0,5 * * * *' })
    await errand.clock.advance('1h')
    const { writes } = slow.coordinator.deps
    const { insertJob } = writes
    writes.insertJob = async (job) => {
      writes.insertJob = insertJob
      await errand.post('/schedules', { id: 'a', worker: 'plain', cron: '0,30 * * * *' })
      return insertJob(job)
    }
    await slow.recur()
    expect(await ticksMade(errand)).toEqual(['2030-01-01T01:00Z'])
    expect(iso((await stored(errand, 'a'))!.nextRunAt)).toBe('2030-01-01T01:30Z')
  })

  it('is not undone either where both rules have the same next occurrence', async () => {
    await using errand = await testErrand({ plain })
    await using slow = await testErrand({ plain }, { beside: errand })
    await errand.post('/schedules', { id: 'a', worker: 'plain', cron: '0,5 * * * *' })
    const { schedules } = slow.coordinator.deps.store
    const due = schedules.due
    schedules.due = async (now, limit) => {
      schedules.due = due
      const found = await due(now, limit)
      // changed a second before, by a coordinator whose write comes after this one's read
      errand.clock.set(new Date('2030-01-01T00:04:59Z'))
      await errand.post('/schedules', { id: 'a', worker: 'plain', cron: '5,50 * * * *' })
      errand.clock.set(new Date('2030-01-01T00:05:00Z'))
      return found
    }
    errand.clock.set(new Date('2030-01-01T00:05:00Z'))
    await slow.recur()
    await errand.recur()
    expect(await ticksMade(errand)).toEqual(['2030-01-01T00:05Z'])
    expect(iso((await stored(errand, 'a'))!.nextRunAt)).toBe('2030-01-01T00:50Z')
  })

  it('survives a crash between its two steps', async () => {
    await using errand = await testErrand({ hourly: scheduled({ cron: '0 * * * *' }) })
    await reconcileSchedules(errand.coordinator.deps)
    await errand.clock.advance('61m')
    const changed = { hourly: scheduled({ cron: '30 * * * *' }) }
    await using dying = await testErrand(changed, { beside: errand })
    const { store } = dying.coordinator.deps
    store.schedules = { ...store.schedules, redefine: () => Promise.reject(new Error('killed')) }
    await expect(reconcileSchedules(dying.coordinator.deps)).rejects.toThrow('killed')
    await using next = await deploy(changed, errand)
    await next.recur()
    expect(await ticksMade(errand)).toEqual(['2030-01-01T01:00Z'])
    expect(iso((await stored(errand, 'code:hourly'))!.nextRunAt)).toBe('2030-01-01T01:30Z')
  })

  it('takes effect once when several coordinators start with it at the same time', async () => {
    await using errand = await testErrand({ hourly: scheduled({ cron: '0 * * * *' }) })
    await reconcileSchedules(errand.coordinator.deps)
    await errand.clock.advance('61m')
    const changed = { hourly: scheduled({ cron: '30 * * * *' }), added: scheduled({ every: '1h' }) }
    const others = await Promise.all(Array.from({ length: 4 }, () => deploy(changed, errand)))
    expect(await stored(errand, 'code:hourly')).toMatchObject({ revision: 2 })
    expect(await stored(errand, 'code:added')).toMatchObject({ revision: 1 })
    await errand.clock.advance('1h')
    await Promise.all([errand, ...others].map((each) => each.recur()))
    expect(await ticksMade(errand)).toEqual(['2030-01-01T01:00Z', '2030-01-01T01:30Z', '2030-01-01T02:01Z'])
    await Promise.all(others.map((other) => other[Symbol.asyncDispose]()))
  })
})

describe('preview', () => {
  it('shows the occurrences of a rule that is not stored, with what the clock on the wall shows', async () => {
    await using errand = await testErrand({ plain })
    const rule = { cron: '30 2 * * *', timezone: 'Europe/Berlin' }
    expect(await errand.post('/schedules/preview', { ...rule, from: '2027-03-28', count: 2 })).toEqual({
      status: 200,
      body: {
        ...rule,
        dstGap: 'after',
        dstOverlap: 'first',
        occurrences: [
          { at: '2027-03-28T01:30:00.000Z', local: '2027-03-28T03:30:00+02:00' },
          { at: '2027-03-29T00:30:00.000Z', local: '2027-03-29T02:30:00+02:00' },
        ],
      },
    })
    const skipping = await errand.post('/schedules/preview', { ...rule, dstGap: 'skip', from: '2027-03-28', count: 1 })
    expect(skipping.body.occurrences).toEqual([{ at: '2027-03-29T00:30:00.000Z', local: '2027-03-29T02:30:00+02:00' }])
  })

  it('begins now, shows ten, and an occurrence at `from` itself', async () => {
    await using errand = await testErrand({ plain })
    const { body } = await errand.post('/schedules/preview', { cron: '0 * * * *' })
    expect(body.occurrences).toHaveLength(10)
    expect(body.occurrences[0].at).toBe('2030-01-01T00:00:00.000Z')
  })

  it.each([
    ['nothing to show', {}, 400],
    ['an id that is not there', { id: 'nobody' }, 404],
    ['a bad expression', { cron: '61 * * * *' }, 400],
    ['a bad moment', { cron: '1 * * * *', from: 'soon' }, 400],
    ['too many', { cron: '1 * * * *', count: 1001 }, 400],
    ['a spread of no schedule', { cron: '1 * * * *', spread: '1h' }, 400],
  ])('refuses %s', async (_what, request, status) => {
    await using errand = await testErrand({ plain })
    expect(await errand.post('/schedules/preview', request)).toMatchObject({ status })
  })
})

it.each(['-271821-04-20T00:00:00Z', '+275760-09-13T00:00:00Z', '0000-12-31T00:00:00Z'])(
  'a moment beyond the years 1 to 9999, such as %s, is refused as a time, by whatever asks for one',
  async (moment) => {
    await using errand = await testErrand({})
    const preview = await errand.post('/schedules/preview', { cron: '*/5 * * * *', from: moment })
    expect(preview).toMatchObject({ status: 400, body: { error: { code: 'INVALID_TIME' } } })
  },
)
