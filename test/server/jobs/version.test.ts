/**
 * Args outlive code: jobs and schedules of an earlier version meet a worker of a later one, and the other way round.
 */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { testErrand, type TestErrand, type TestWorkers } from '../../support/errand.js'

const seen: unknown[] = []
const run = (args: object) => void seen.push(args)

const first = defineJob({ args: z.object({ to: z.string(), at: z.date().optional() }), run })
const second = defineJob({
  args: z.object({ to: z.string(), at: z.date().optional(), locale: z.string() }),
  version: 2,
  migrate: (args: { to: string; at?: Date }) => ({ ...args, locale: 'en' }),
  throttle: { limit: 100, per: '1s', key: ({ locale }) => locale },
  run,
})
const third = defineJob({
  args: z.object({ to: z.array(z.string()), locale: z.string() }),
  version: 3,
  async migrate(args: { to: string; locale?: string }, fromVersion) {
    return { to: [args.to], locale: fromVersion === 1 ? 'en' : args.locale! }
  },
  run,
})

/** The same database after a deployment. */
async function deployed(errand: TestErrand, workers: TestWorkers): Promise<TestErrand> {
  seen.length = 0
  return testErrand(workers, { beside: errand })
}

const documents = (errand: TestErrand, name = 'jobs') =>
  errand.database.db.collection(`errand_${name}`).find().toArray()
const receipts = async (errand: TestErrand, id: string) => (await errand.get(id)).receipts

describe('a job', () => {
  it('keeps the version it was enqueued with, and says nothing of the first', async () => {
    await using errand = await testErrand({ first, third })
    await errand.post('/job', { worker: 'first', args: { to: 'a' }, delay: '1h' })
    const { body } = await errand.post('/job', { worker: 'third', args: { to: ['a'], locale: 'fr' }, delay: '1h' })
    const [one, three] = await documents(errand)
    expect(one).not.toHaveProperty('argsVersion')
    expect(three).toMatchObject({ argsVersion: 3 })
    expect(await errand.get(body.id)).toMatchObject({ argsVersion: 3 })
  })

  it('has args of an earlier version migrated before the schema parses them, with what JSON cannot say', async () => {
    await using old = await testErrand({ mail: first })
    const argsMeta = { values: { at: ['Date'] }, v: 1 }
    const id = await old.enqueue('mail', { to: 'a', at: '2030-05-01T00:00:00.000Z' }, { argsMeta, delay: '1m' })
    await using errand = await deployed(old, { mail: second })
    await errand.clock.advance('1m')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', args: { to: 'a' } })
    expect(seen).toEqual([{ to: 'a', at: new Date('2030-05-01'), locale: 'en' }])
  })

  it('is migrated from whatever version it has, by an async function too', async () => {
    await using old = await testErrand({ mail: first })
    await old.enqueue('mail', { to: 'a' }, { delay: '1m' })
    await using later = await deployed(old, { mail: second })
    await later.enqueue('mail', { to: 'b', locale: 'fr' }, { delay: '1m' })
    await using errand = await deployed(old, { mail: third })
    await errand.enqueue('mail', { to: ['c'], locale: 'de' }, { delay: '1m' })
    await errand.clock.advance('1m')
    await errand.run()
    expect(seen).toHaveLength(3)
    expect(seen).toEqual(
      expect.arrayContaining([
        { to: ['a'], locale: 'en' },
        { to: ['b'], locale: 'fr' },
        { to: ['c'], locale: 'de' },
      ]),
    )
  })

  it('whose version is ahead of its worker waits by backoff until the newer code is back', async () => {
    await using later = await testErrand({ mail: second })
    const id = await later.enqueue('mail', { to: 'a', locale: 'fr' }, { delay: '1m' })
    await using rolledBack = await deployed(later, { mail: first })
    await rolledBack.clock.advance('1m')
    await rolledBack.run()
    expect(await receipts(rolledBack, id)).toMatchObject([
      {
        status: 'failure',
        error: {
          code: 'VERSION_AHEAD',
          message:
            'The args are of version 2, and mail is at version 1 here. Deploy the newer code; jobs that have failed by then can be retried.',
        },
      },
    ])
    expect(await rolledBack.get(id)).toMatchObject({ state: 'scheduled', attempt: 1 })
    expect(seen).toEqual([])
    await using errand = await deployed(later, { mail: second })
    await errand.clock.advance('1h')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', attempt: 2 })
  })

  it('whose args migrate throws on fails with that error, and is tried again', async () => {
    await using old = await testErrand({ mail: first })
    const id = await old.enqueue('mail', { to: 'a' }, { delay: '1m' })
    const broken = defineJob({
      args: z.object({}),
      version: 2,
      migrate(): Record<string, never> {
        throw new RangeError('no locale is known')
      },
      run,
    })
    await using errand = await deployed(old, { mail: broken })
    await errand.clock.advance('1m')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({
      state: 'scheduled',
      receipts: [{ error: { name: 'RangeError', message: 'no locale is known', stack: expect.any(String) } }],
    })
  })

  it('fails for good where what migrate made does not fit', async () => {
    await using old = await testErrand({ mail: first })
    const id = await old.enqueue('mail', { to: 'a' }, { delay: '1m' })
    const unfit = defineJob({ args: z.object({ to: z.number() }), version: 2, migrate: (args) => args as never, run })
    await using errand = await deployed(old, { mail: unfit })
    await errand.clock.advance('1m')
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'failed', receipts: [{ error: { code: 'INVALID_ARGS' } }] })
  })

  it('that takes the place of a waiting one brings its version along', async () => {
    const unique = { key: () => 'k', onConflict: 'replace' } as const
    await using old = await testErrand({ mail: { ...first, unique } })
    const id = await old.enqueue('mail', { to: 'a' }, { delay: '1m' })
    await using errand = await deployed(old, { mail: { ...second, unique } })
    const put = (on: TestErrand, args: object) => on.post('/job', { worker: 'mail', args, delay: '1m' })
    expect(await put(errand, { to: 'b', locale: 'fr' })).toMatchObject({ body: { id, existing: true } })
    expect(await documents(errand)).toMatchObject([{ argsVersion: 2 }])
    // a coordinator that is not replaced yet
    await put(old, { to: 'c' })
    expect((await documents(errand))[0]).not.toHaveProperty('argsVersion')
  })
})

describe('a schedule', () => {
  const everyHour = { worker: 'mail', args: { to: 'a' }, cron: '0 * * * *' }

  it('of an earlier version goes on: its jobs keep its args, and their keys are those of the migrated ones', async () => {
    await using old = await testErrand({ mail: first })
    await old.post('/job', everyHour)
    await using errand = await deployed(old, { mail: second })
    await errand.clock.advance('1h')
    await errand.recur()
    expect(await documents(errand)).toMatchObject([{ args: '{"to":"a"}', throttleKey: 'en' }])
    expect((await documents(errand))[0]).not.toHaveProperty('argsVersion')
    await errand.run()
    expect(seen).toEqual([{ to: 'a', locale: 'en' }])
  })

  it('of a later version makes its jobs all the same, for the function that can read them', async () => {
    await using later = await testErrand({ mail: second })
    await later.post('/job', { ...everyHour, args: { to: 'a', locale: 'fr' } })
    expect(await documents(later, 'schedules')).toMatchObject([{ argsVersion: 2 }])
    await using rolledBack = await deployed(later, { mail: first })
    await rolledBack.clock.advance('1h')
    await rolledBack.recur()
    await rolledBack.run()
    expect(await documents(rolledBack)).toMatchObject([{ argsVersion: 2, attempt: 1, state: 'scheduled' }])
    await using errand = await deployed(later, { mail: second })
    await errand.clock.advance('1m')
    await errand.run()
    expect(seen).toEqual([{ to: 'a', locale: 'fr' }])
  })

  it('whose args migrate throws on leaves its occurrences out and says so', async () => {
    await using old = await testErrand({ mail: first })
    await old.post('/job', everyHour)
    const logged: unknown[] = []
    const broken = { ...second, migrate: () => Promise.reject(new Error('a secret')) }
    await using errand = await testErrand(
      { mail: broken },
      { beside: old, log: (level, message, fields) => void logged.push([level, message, String(fields?.['error'])]) },
    )
    await errand.clock.advance('1h')
    await errand.recur()
    expect(await documents(errand)).toEqual([])
    expect(logged).toContainEqual([
      'error',
      'a schedule cannot make its job',
      expect.stringContaining('migrate of mail'),
    ])
    expect(JSON.stringify(logged)).not.toContain('secret')
  })

  it('in code is of the version it is deployed with', async () => {
    const schedule = { cron: '0 9 * * *', args: { to: 'a' } }
    await using old = await testErrand({ mail: { ...first, schedule } })
    await old.coordinator.start()
    await old.coordinator.stop()
    await using errand = await deployed(old, {
      mail: { ...second, schedule: { ...schedule, args: { to: 'a', locale: 'x' } } },
    })
    await errand.coordinator.start()
    await errand.coordinator.stop()
    expect(await documents(errand, 'schedules')).toMatchObject([{ argsVersion: 2 }])
    const { body } = await errand.post('/job', { worker: 'mail', args: { to: 'a', locale: 'x' }, delay: '1h' })
    expect(body.state).toBe('scheduled')
  })
})

it('takes old args of any type, and wants what the schema takes', () => {
  interface Old {
    to: string
  }
  const args = z.object({ to: z.string(), locale: z.string() })
  const job = defineJob({ args, version: 2, migrate: ({ to }: Old) => ({ to, locale: 'en' }), run })
  expect(job.migrate!({ to: 'a' }, 1)).toEqual({ to: 'a', locale: 'en' })
  defineJob({
    args,
    version: 2,
    migrate: (old, from) => ({ ...z.object({ to: z.string() }).parse(old), locale: `${from}` }),
    run,
  })
  defineJob({
    args,
    version: 2,
    // @ts-expect-error locale is missing
    migrate: ({ to }: Old) => ({ to }),
    run,
  })
})
