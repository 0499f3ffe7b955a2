import { describe, expect, it } from 'vitest'
import { testErrand } from '../support/errand.js'
import { clientOf } from './support.js'
import { workers } from './workers.js'

describe('tick', () => {
  it('has the coordinator do what is due, and tells what it did', async () => {
    await using errand = await testErrand(workers, { stayOn: false })
    const { client } = clientOf(errand)
    await client.enqueue('tick', {}, { delay: '1m' })
    await client.enqueue('tick', {}, { delay: '1h' })
    await errand.clock.advance('1m')
    expect(await client.tick({ budget: '10s' })).toEqual({
      staged: 1,
      fired: 0,
      reaped: 0,
      purged: 0,
      started: 1,
      finished: 1,
      more: false,
      nextAt: new Date('2030-01-01T01:00:00Z'),
    })
    const { store } = errand.coordinator.deps
    store.schedules = { ...store.schedules, due: () => Promise.reject(new Error('no')) }
    await expect(client.tick()).rejects.toMatchObject({ code: 'TICK_FAILED', details: { failed: ['recur'] } })
  })
})

describe('jobs', () => {
  it('shows a job with its args, receipts and times as they were given', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    const job = await client.enqueue('mail.send', { to: 'ada@example.org', at: new Date(7) }, { key: 'ada' })
    await job.receipt()
    const moment = new Date('2030-01-01T00:00:00Z')
    expect(await client.jobs.get(job.id)).toEqual({
      id: job.id,
      worker: 'mail.send',
      state: 'succeeded',
      attempt: 1,
      maxAttempts: 5,
      priority: 0,
      runAt: moment,
      createdAt: moment,
      finishedAt: moment,
      key: 'ada',
      workerKnown: true,
      args: { to: 'ada@example.org', at: new Date(7) },
      receipts: [
        {
          status: 'success',
          result: { sentTo: 'ada@example.org', at: new Date(7) },
          attempt: 1,
          startedAt: moment,
          finishedAt: moment,
        },
      ],
    })
    await expect(client.jobs.get('nobody')).rejects.toMatchObject({ code: 'UNKNOWN_JOB' })
  })

  it('lists by worker and state, page by page, newest first', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    const ids: string[] = []
    for (let n = 0; n < 3; n++)
      ids.push((await client.enqueue('mail.send', { to: 'a', at: new Date(n) }, { delay: '1h' })).id)
    await client.enqueue('tick', {}, { delay: '1h' })
    const first = await client.jobs.list({ worker: 'mail.send', state: 'scheduled', limit: 2 })
    expect(first.jobs.map(({ id }) => id)).toEqual([ids[2], ids[1]])
    expect(first.jobs[0]).toMatchObject({ args: { to: 'a', at: new Date(2) }, runAt: new Date('2030-01-01T01:00:00Z') })
    const second = await client.jobs.list({ worker: 'mail.send', limit: 2, cursor: first.cursor! })
    expect(second).toMatchObject({ jobs: [{ id: ids[0] }], cursor: null })
    expect((await client.jobs.list()).jobs).toHaveLength(4)
    expect(await client.jobs.list({ state: 'failed' })).toEqual({ jobs: [], cursor: null })
  })

  it('cancels and retries', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    const job = await client.enqueue('shop.total', { amount: '3' }, { delay: '1h' })
    expect(await client.jobs.cancel(job.id)).toEqual({ id: job.id, state: 'cancelled' })
    expect(await client.jobs.retry(job.id)).toEqual({ id: job.id, state: 'queued' })
    expect(await job.result()).toEqual({ doubled: 6 })
    await expect(client.jobs.cancel(job.id)).rejects.toMatchObject({
      code: 'WRONG_STATE',
      details: { id: job.id, state: 'succeeded' },
    })
  })
})

describe('replay', () => {
  it('makes a new job, typed by its worker', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    const old = await client.enqueue('shop.total', { amount: '3' })
    await old.result()
    const same = await client.jobs.replay<'shop.total'>(old.id)
    expect(await same.result()).toEqual({ doubled: 6 })
    const other = await client.jobs.replay<'shop.total'>(old.id, { args: { amount: '4' } })
    const { doubled } = await other.result()
    expect(doubled).toBe(8)
    expect(await client.jobs.get(other.id)).toMatchObject({ replayOf: old.id, args: { amount: '4' } })
    // @ts-expect-error `amount` is a text
    await expect(client.jobs.replay<'shop.total'>(old.id, { args: { amount: 4 } })).rejects.toMatchObject({
      code: 'INVALID_ARGS',
    })
    const at = new Date(7)
    const dated = await client.enqueue('mail.send', { to: 'a', at })
    await dated.result()
    const again = await client.jobs.replay<'mail.send'>(dated.id, { args: { to: 'b', at } })
    expect(await again.result()).toEqual({ sentTo: 'b', at })
  })
})

describe('operations on many jobs', () => {
  it('count first, and then go through all pages', async () => {
    await using errand = await testErrand(workers)
    const { client, sent } = clientOf(errand)
    const options = { delay: '1h' } as const
    await client.enqueueMany(Array.from({ length: 1001 }, () => ({ worker: 'tick' as const, ...options })))
    await client.enqueue('shop.total', { amount: '3' }, options)
    const filter = { worker: 'tick', state: 'scheduled', createdAfter: new Date('2029-01-01') } as const
    const { count, token } = await client.jobs.cancelMany(filter, { dryRun: true })
    expect(count).toBe(1001)
    expect(await client.jobs.cancelMany(filter, { token })).toEqual({ matched: 1001, done: 1001, skipped: [] })
    expect(sent.filter(({ procedure }) => procedure === 'jobs.cancelMany')).toHaveLength(3)
    await errand.clock.advance('1s')
    const cancelled = { worker: 'tick', state: ['cancelled'] } as const
    expect(await client.jobs.retryMany(cancelled, { dryRun: true })).toMatchObject({ count: 1001 })
    expect(await client.jobs.replayMany({}, { dryRun: true })).toMatchObject({ count: 0 })
  })

  it('take states that fit them, and a token, at compile time', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    // @ts-expect-error a job that runs cannot be retried
    await expect(client.jobs.retryMany({ state: 'running' }, { dryRun: true })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    })
    // @ts-expect-error there was no count
    await expect(client.jobs.retryMany({}, {})).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    // @ts-expect-error no worker has this name
    await expect(client.jobs.cancelMany({ worker: 'tock' }, { dryRun: true })).resolves.toMatchObject({ count: 0 })
  })
})

describe('schedules', () => {
  it('are made, listed and removed', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    const args = { to: 'ada@example.org', at: new Date(3) }
    const made = await client.schedule('mail.send', args, { id: 'daily', cron: '0 9 * * *', timezone: 'Europe/Berlin' })
    expect(made).toEqual({ scheduleId: 'daily', nextRunAt: new Date('2030-01-01T08:00:00Z') })
    expect(await client.schedules.list()).toEqual([
      {
        id: 'daily',
        worker: 'mail.send',
        cron: '0 9 * * *',
        timezone: 'Europe/Berlin',
        dstGap: 'after',
        dstOverlap: 'first',
        missed: 'last',
        overlap: 'allow',
        args,
        nextRunAt: new Date('2030-01-01T08:00:00Z'),
        lastRunAt: null,
        waiting: 0,
        source: 'api',
        createdAt: new Date('2030-01-01T00:00:00Z'),
      },
    ])
    await client.schedules.remove('daily')
    expect(await client.schedules.list()).toEqual([])
    await expect(client.schedules.remove('daily')).rejects.toMatchObject({ code: 'UNKNOWN_SCHEDULE' })
  })

  it('are changed, paused, resumed and run', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    const args = { to: 'ada@example.org', at: new Date(3) }
    await client.schedule('mail.send', args, { id: 'often', every: '10m', spread: '5m', missed: 'skip', priority: 4 })
    const next = { ...args, at: new Date(4) }
    expect(await client.schedules.update('often', { cron: '0 9 * * *', args: next, spread: null })).toMatchObject({
      cron: '0 9 * * *',
      missed: 'skip',
      priority: 4,
      args: next,
    })
    expect(await client.schedules.pause('often')).toMatchObject({ pausedAt: errand.clock.now(), nextRunAt: null })
    expect(await client.schedules.resume('often')).toMatchObject({ nextRunAt: new Date('2030-01-01T09:00:00Z') })
    const job = await client.schedules.run('often')
    expect(await job.result()).toEqual({ sentTo: 'ada@example.org', at: new Date(4) })
    expect(await client.schedules.get('often')).toMatchObject({ id: 'often', lastRunAt: null })
    await expect(client.schedules.get('nobody')).rejects.toMatchObject({ code: 'UNKNOWN_SCHEDULE' })
    // @ts-expect-error not both
    await expect(client.schedules.update('often', { cron: '0 9 * * *', every: '1m' })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    })
  })

  it('show when they fire, stored or not', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    await client.schedule('tick', {}, { id: 'nine', cron: '0 9 * * *', timezone: 'Asia/Kathmandu' })
    const expected = { at: new Date('2030-01-01T03:15:00Z'), local: '2030-01-01T09:00:00+05:45' }
    expect(await client.schedules.preview({ id: 'nine', count: 1 })).toMatchObject({ occurrences: [expected] })
    const rule = { cron: '0 9 * * *', timezone: 'Asia/Kathmandu' }
    const preview = await client.schedules.preview({ ...rule, from: new Date('2030-01-01'), count: 2 })
    expect(preview).toMatchObject({ ...rule, dstGap: 'after', dstOverlap: 'first', occurrences: [expected, {}] })
    // @ts-expect-error a stored schedule is shown as it is
    await client.schedules.preview({ id: 'nine', dstGap: 'skip' })
    // @ts-expect-error nothing to show
    await expect(client.schedules.preview({ count: 1 })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  })

  it('refuse a cron expression that cannot be read, and args that do not fit', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    await expect(client.schedule('tick', {}, { cron: '99 * * * *' })).rejects.toMatchObject({
      code: 'INVALID_TIME',
      issues: [{ path: ['cron'] }],
    })
    // @ts-expect-error `code` is missing
    await expect(client.schedule('mail.bounce', {}, { cron: '* * * * *' })).rejects.toMatchObject({
      code: 'INVALID_ARGS',
    })
  })
})

describe('pauses', () => {
  it('are made, listed and ended', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    const at = new Date('2030-01-01T00:00:00Z')
    const pause = { scope: 'worker', worker: 'mail.send', by: 'local', at, reason: 'the relay is down' }
    expect(await client.pause({ worker: 'mail.send', reason: 'the relay is down' })).toEqual(pause)
    const job = await client.enqueue('mail.send', { to: 'a', at })
    await errand.run()
    expect(await client.jobs.get(job.id)).toMatchObject({ state: 'queued', paused: pause })
    expect((await client.jobs.list()).jobs).toMatchObject([{ paused: { at } }])
    expect(await client.pauses.list()).toEqual([{ ...pause, waiting: 1 }])
    expect(await client.resume({ worker: 'mail.send' })).toEqual({ ...pause, released: 1 })
    await expect(client.resume({ worker: 'mail.send' })).rejects.toMatchObject({ code: 'UNKNOWN_PAUSE' })
    expect(await job.receipt()).toMatchObject({ status: 'success' })
  })

  it('take a known worker, or everything, at compile time', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    // @ts-expect-error no worker has this name
    await expect(client.pause({ worker: 'mail.sned' })).rejects.toMatchObject({ code: 'UNKNOWN_WORKER' })
    // @ts-expect-error everything must be said
    await expect(client.pause({})).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    // @ts-expect-error a key belongs to a worker
    await expect(client.pause({ all: true, key: 'a' })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    expect(await client.pause({ all: true })).toMatchObject({ scope: 'all' })
  })
})

describe('workers', () => {
  it('are listed by name', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    const listed = await client.workers.list()
    expect(listed.map(({ name }) => name)).toEqual(['mail.bounce', 'mail.send', 'shop.total', 'tick'])
    expect(listed[1]).toMatchObject({
      address: 'http://functions.test/mail/send',
      counts: { scheduled: 0, queued: 0, blocked: 0, running: 0 },
      policies: { maxAttempts: 5, timeoutMs: 30_000, receipt: 'answered' },
    })
  })

  it('are shown with their args, and an example that they take', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientOf(errand)
    await errand.enqueue('mail.send', { to: 'ada@example.org' }, { delay: '1h' })
    await client.pause({ worker: 'mail.send' })
    const { args, example, counts, paused } = await client.workers.get('mail.send')
    expect(args).toMatchObject({ type: 'object', properties: { to: { type: 'string' } } })
    expect(counts.scheduled).toBe(1)
    expect(paused).toMatchObject({ scope: 'worker', at: expect.any(Date) as Date })
    await expect(client.enqueue('mail.send', example as never)).resolves.toMatchObject({ state: 'queued' })
    await expect(client.workers.get('mail.sent')).rejects.toMatchObject({ code: 'UNKNOWN_WORKER' })
  })
})
