/** Keys that may enqueue some workers only. */
import { describe, expect, it } from 'vitest'
import * as fc from 'fast-check'
import { matchesWorker, workerPatternProblem } from '../../../core/roles.js'
import { clientOf } from '../../client/support.js'
import { workers } from '../../client/workers.js'
import { testErrand, type TestErrand } from '../../support/errand.js'

const apiKeys = [
  { role: 'enqueue' as const, key: 'the-key-of-the-web-1', workers: ['mail.*', 'tick'] },
  { role: 'operate' as const, key: 'the-key-of-an-admin' },
]
const web = (errand: TestErrand) => clientOf(errand, { apiKey: 'the-key-of-the-web-1' }).client
const forbidden = (worker: string) => ({
  code: 'FORBIDDEN',
  message: `This API key may not enqueue "${worker}". It takes mail.*, tick.`,
  details: { worker },
})
const to = { to: 'ada@example.org' }

describe('a key for some workers', () => {
  it('enqueues those, and no other', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    await web(errand).enqueue('mail.send', to)
    await web(errand).enqueue('tick')
    await expect(web(errand).enqueue('shop.total', { amount: '1' })).rejects.toMatchObject(forbidden('shop.total'))
    const authorization = { authorization: 'Bearer the-key-of-the-web-1' }
    expect(await errand.post('/job', { worker: 'shop.total', args: { amount: '1' } }, authorization)).toMatchObject({
      status: 403,
      body: { error: { code: 'FORBIDDEN', worker: 'shop.total' } },
    })
    expect(await errand.database.db.collection('errand_jobs').countDocuments()).toBe(2)
  })

  it('is not told the names of others by a name that is nearly theirs', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    // @ts-expect-error no such worker
    await expect(web(errand).enqueue('shop.totla', { amount: '1' })).rejects.toMatchObject(forbidden('shop.totla'))
    // @ts-expect-error no such worker
    await expect(web(errand).enqueue('mail.sned', to)).rejects.toMatchObject({ code: 'UNKNOWN_WORKER' })
  })

  it('has the refusal in the place of the item, and the others go in', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const outcomes = await web(errand).enqueueMany([
      { worker: 'mail.send', args: to },
      { worker: 'shop.total', args: { amount: '1' } },
      { worker: 'tick' },
    ])
    expect(outcomes).toMatchObject([{ ok: true }, { ok: false, error: forbidden('shop.total') }, { ok: true }])
  })

  it('gets none in where all or none go', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const items = [{ worker: 'tick' as const }, { worker: 'shop.total' as const, args: { amount: '1' } }] as const
    await expect(web(errand).enqueueMany(items, { atomic: true })).rejects.toMatchObject({
      code: 'ATOMIC_REFUSED',
      issues: [{ path: ['jobs', 1], code: 'forbidden' }],
    })
    expect(await errand.database.db.collection('errand_jobs').countDocuments()).toBe(0)
  })

  it('makes schedules of those, and takes none away from others', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const operator = clientOf(errand, { apiKey: 'the-key-of-an-admin' }).client
    const rule = { cron: '0 9 * * *', id: 'daily' }
    await operator.schedule('shop.total', { amount: '1' }, rule)
    await expect(web(errand).schedule('shop.total', { amount: '2' }, rule)).rejects.toMatchObject(
      forbidden('shop.total'),
    )
    await expect(web(errand).schedule('mail.send', to, rule)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: expect.not.stringContaining('shop'),
    })
    expect(await operator.schedules.list()).toMatchObject([{ worker: 'shop.total', args: { amount: '1' } }])
    await web(errand).schedule('mail.send', to, { ...rule, id: 'mine' })
    await web(errand).schedule('tick', {}, { ...rule, id: 'mine' })
  })
})

describe('patterns of workers', () => {
  it('are names, or folders with all that is in them', () => {
    const matching = (pattern: string) =>
      ['mail', 'mail.send', 'mail.sender', 'mail.bulk.send', 'mailer.send'].filter((worker) =>
        matchesWorker([pattern], worker),
      )
    expect(matching('mail.send')).toEqual(['mail.send'])
    expect(matching('mail.*')).toEqual(['mail.send', 'mail.sender', 'mail.bulk.send'])
    expect(matching('mail')).toEqual(['mail'])
    expect(matchesWorker(undefined, 'mail')).toBe(true)
    expect(matchesWorker([], 'mail')).toBe(false)
  })

  it('take a worker by its own name, whatever it is', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,8}(\.[A-Za-z0-9_-]{1,8}){0,3}$/)
    fc.assert(
      fc.property(name, name, (worker, other) => {
        expect(workerPatternProblem(worker)).toBe(undefined)
        expect(matchesWorker([worker], other)).toBe(worker === other)
        expect(matchesWorker([`${worker}.*`], `${worker}.${other}`)).toBe(true)
        expect(matchesWorker([`${worker}.*`], worker)).toBe(false)
      }),
    )
  })

  it.each(['*', '', '.*', 'mail.', 'mail.*.send', 'mail*', 'mail send', 'mail/send', '*.send', 'm\u00e4il.send'])(
    'that cannot be read are refused with a sentence: %j',
    (pattern) => {
      expect(workerPatternProblem(pattern)).toMatch(/is no pattern of workers\. Write a worker's name, such as/)
    },
  )
})
