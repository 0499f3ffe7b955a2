import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../core/index.js'
import { testErrand } from '../support/errand.js'

const report = defineJob({
  args: z.object({ day: z.string().default('today') }),
  schedule: { cron: '0 9 * * *', timezone: 'America/Montreal' },
  run: () => null,
})
const plain = defineJob({ args: z.object({ n: z.number().optional() }), run: () => null })

describe('recur', () => {
  it('makes a job for each tick of a schedule in code, in its time zone', async () => {
    await using errand = await testErrand({ report })
    await errand.coordinator.start()
    await errand.coordinator.stop()
    const jobs = () => errand.database.db.collection('jobs').find().toArray()
    errand.clock.set(new Date('2030-01-01T13:59:59Z'))
    await errand.recur()
    expect(await jobs()).toHaveLength(0)
    await errand.clock.advance('1s')
    expect(await errand.recur()).toEqual(new Date('2030-01-02T14:00:00Z'))
    await errand.recur()
    expect(await jobs()).toMatchObject([{ worker: 'report', scheduleId: 'code:report', state: 'queued' }])
  })

  it('makes one job for a tick however many coordinators race', async () => {
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
    expect(await errand.database.db.collection('jobs').countDocuments()).toBe(3)
  })

  it('gives its jobs the priority it was made with', async () => {
    await using errand = await testErrand({ plain })
    await errand.post('/job', { worker: 'plain', cron: '*/5 * * * *', priority: 7 })
    await errand.clock.advance('5m')
    await errand.recur()
    expect(await errand.database.db.collection('jobs').find().toArray()).toMatchObject([{ priority: 7 }])
  })

  it('makes one job for the last missed tick after downtime', async () => {
    await using errand = await testErrand({ plain })
    await errand.post('/job', { worker: 'plain', cron: '*/5 * * * *' })
    await errand.clock.advance('62m')
    await errand.recur()
    const jobs = await errand.database.db.collection('jobs').find().toArray()
    expect(jobs.map(({ runAt }) => runAt)).toEqual([new Date('2030-01-01T01:00:00Z')])
  })

  it('does not make a tick twice when the coordinator dies before it has moved the schedule on', async () => {
    await using errand = await testErrand({ plain })
    await errand.post('/job', { worker: 'plain', cron: '*/5 * * * *' })
    const { store } = errand.coordinator.deps
    const { schedules } = store
    store.schedules = { ...schedules, advance: () => Promise.reject(new Error('killed')) }
    await errand.clock.advance('5m')
    await expect(errand.recur()).rejects.toThrow('killed')
    store.schedules = schedules
    await errand.recur()
    expect(await errand.database.db.collection('jobs').countDocuments()).toBe(1)
  })

  it('takes changes and removals in code at start, and keeps the next tick of what stays', async () => {
    await using errand = await testErrand({ report, plain })
    const schedules = () => errand.database.db.collection<{ _id: string }>('schedules').find().toArray()
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
