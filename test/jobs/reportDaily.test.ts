import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Settings } from 'luxon'
import type { Db } from 'mongodb'
import { describe, expect, it, onTestFinished } from 'vitest'
import { seedOrders } from '../../demo/orders.js'
import daily from '../../jobs/report/daily.js'
import { testDatabase } from '../support/database.js'
import { attemptOf, errorOf, giveSettings, temporaryFolder } from './support.js'

/** A database with orders, a folder for reports, and the settings that lead there. */
async function shop() {
  const database = await testDatabase()
  onTestFinished(() => database[Symbol.asyncDispose]())
  const folder = await temporaryFolder()
  giveSettings({ REPORT_MONGODB_URI: database.uri, REPORT_DIR: folder })
  return { ...database, folder }
}

const putOrders = (db: Db, placedAt: string[], customer = 'Ada') =>
  db
    .collection<{ _id: string }>('orders')
    .insertMany(
      placedAt.map((moment) => ({ _id: moment, shop: 'a', customer, placedAt: new Date(moment), totalCents: 1_999 })),
    )

const lines = async (folder: string, day: string) =>
  (await readFile(join(folder, `orders-${day}.csv`), 'utf8')).split('\r\n')

describe('report.daily', () => {
  it('writes the orders of a day, oldest first, at local times', async () => {
    const { db, folder } = await shop()
    await putOrders(db, ['2026-01-15T18:00:00.000Z', '2026-01-15T09:30:00.000Z'])
    expect(await daily.run({ day: '2026-01-15' }, attemptOf().context)).toEqual({
      day: '2026-01-15',
      file: join(folder, 'orders-2026-01-15.csv'),
      rows: 2,
    })
    expect(await lines(folder, '2026-01-15')).toEqual([
      'order,shop,customer,placed at,total',
      '2026-01-15T09:30:00.000Z,a,Ada,2026-01-15T04:30:00-05:00,19.99',
      '2026-01-15T18:00:00.000Z,a,Ada,2026-01-15T13:00:00-05:00,19.99',
      '',
    ])
  })

  it('takes a day from midnight to midnight in Montreal, with 23 hours when summer time begins', async () => {
    const { db } = await shop()
    const within = ['2026-03-08T05:00:00.000Z', '2026-03-09T03:59:59.999Z']
    await putOrders(db, ['2026-03-08T04:59:59.999Z', ...within, '2026-03-09T04:00:00.000Z'])
    expect(await daily.run({ day: '2026-03-08' }, attemptOf().context)).toMatchObject({ rows: 2 })
  })

  it('reports the day before the one on which it runs, in Montreal', async () => {
    const { folder } = await shop()
    // ten in the evening of the 14th there
    Settings.now = () => Date.parse('2026-01-15T03:00:00Z')
    onTestFinished(() => void (Settings.now = () => Date.now()))
    await daily.run({}, attemptOf().context)
    expect(await readdir(folder)).toEqual(['orders-2026-01-13.csv'])
  })

  it('quotes commas, quotes and line breaks', async () => {
    const { db, folder } = await shop()
    await putOrders(db, ['2026-01-15T12:00:00.000Z'], 'Curie, Marie "Maria"\nSklodowska')
    await daily.run({ day: '2026-01-15' }, attemptOf().context)
    expect((await lines(folder, '2026-01-15'))[1]).toContain(',a,"Curie, Marie ""Maria""\nSklodowska",2026-')
  })

  it('writes the same again when it runs again, and leaves nothing else behind', async () => {
    const { uri, folder } = await shop()
    const { day, count } = await seedOrders(uri)
    const first = await daily.run({ day }, attemptOf().context)
    const written = await readFile(first.file, 'utf8')
    expect(first.rows).toBe(count)
    // twice at the same time, as after a lost receipt
    await Promise.all([
      daily.run({ day }, attemptOf({ attempt: 2 }).context),
      daily.run({ day }, attemptOf({ attempt: 3 }).context),
    ])
    expect(await readFile(first.file, 'utf8')).toBe(written)
    expect(await readdir(folder)).toEqual([`orders-${day}.csv`])
  })

  it('leaves the earlier report as it was when it is broken off', async () => {
    const { db, folder } = await shop()
    await putOrders(db, ['2026-01-15T12:00:00.000Z'])
    await writeFile(join(folder, 'orders-2026-01-15.csv'), 'earlier')
    const { context, abort } = attemptOf()
    abort()
    await errorOf(daily.run({ day: '2026-01-15' }, context))
    expect(await lines(folder, '2026-01-15')).toEqual(['earlier'])
    expect(await readdir(folder)).toEqual(['orders-2026-01-15.csv'])
  })

  it('tells its progress, and how many orders it wrote', async () => {
    const { db } = await shop()
    const noon = Date.parse('2026-01-15T12:00:00.000Z')
    await putOrders(
      db,
      Array.from({ length: 2_500 }, (_, index) => new Date(noon + index).toISOString()),
    )
    const { context, progress, log } = attemptOf()
    expect(await daily.run({ day: '2026-01-15' }, context)).toMatchObject({ rows: 2_500 })
    expect(progress.mock.calls).toEqual([
      [0.4, '1000 orders'],
      [0.8, '2000 orders'],
    ])
    expect(log.mock.calls).toEqual([['the report is written', { rows: 2_500, expected: 2_500 }]])
  })

  it('takes MONGODB_URI when it has no database of its own, and names it when both are missing', async () => {
    const { db, uri } = await shop()
    await putOrders(db, ['2026-01-15T12:00:00.000Z'])
    giveSettings({ REPORT_MONGODB_URI: undefined, MONGODB_URI: uri })
    expect(await daily.run({ day: '2026-01-15' }, attemptOf().context)).toMatchObject({ rows: 1 })
    giveSettings({ MONGODB_URI: undefined })
    const error = await errorOf(daily.run({ day: '2026-01-15' }, attemptOf().context))
    expect(error.message).toContain('The setting MONGODB_URI is missing')
  })

  it('takes a day of the calendar only', () => {
    expect(daily.args.safeParse({ day: '2026-02-28' }).success).toBe(true)
    expect(daily.args.safeParse({ day: '2026-02-30' }).success).toBe(false)
    expect(daily.args.safeParse({ day: 'yesterday' }).success).toBe(false)
  })
})
