/**
 * Writes yesterday's orders into a CSV file, every morning.
 *
 * Shows: a schedule in code, in a time zone with summer time; a stream from MongoDB to a file, however many orders
 * there are; progress for whoever waits for it; a posted receipt, because it may outlast what a platform allows one
 * request. While it runs, heartbeats keep it alive, so nobody has to guess how long it takes: `timeout` says how soon a
 * function that died is noticed.
 *
 * A day is the shop's day: it begins at midnight in `timezone`, and has 23 or 25 hours twice a year. The report may be
 * written more than once and is then the same: it is made beside its final place and put there in one step, so whoever
 * looks finds a whole report or none.
 *
 * Settings: REPORT_MONGODB_URI (default MONGODB_URI), whose path names the database with the collection `orders`, and
 * REPORT_DIR. The query wants an index on { placedAt: 1, _id: 1 }.
 */
import { defineJob, Fatal, type JobContext } from 'errand'
import { DateTime } from 'luxon'
import { MongoClient, type Collection } from 'mongodb'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { replaceFile } from '../_replaceFile.js'
import { setting } from '../_setting.js'

const timezone = 'America/Montreal'

export default defineJob({
  args: z.object({
    /** For reports by hand. Default: the day before the one on which the job runs. */
    day: z.iso.date().optional(),
  }),
  schedule: { cron: '0 6 * * *', timezone },
  // five tries from six o'clock on; the last one ends long before midnight, so "yesterday" is the same day for all of
  // them
  retry: { attempts: 5, backoff: ['1m', '5m', '30m', '2h'] },
  timeout: '2m',
  receipt: 'posted',
  keep: { succeeded: '30d', failed: '90d' },

  async run(args, ctx) {
    const day = dayInZone(args.day)
    const file = join(setting('REPORT_DIR', '/var/lib/shop/reports'), `orders-${day.toISODate()}.csv`)
    const client = new MongoClient(databaseUri())
    try {
      const orders = client.db().collection<Order>('orders')
      const rows = await replaceFile(file, ctx, (temporary) => writeCsv(orders, day, temporary, ctx))
      return { day: day.toISODate(), file, rows }
    } finally {
      await client.close()
    }
  },
})

interface Order {
  _id: string
  shop: string
  customer: string
  placedAt: Date
  /** In cents, because sums of money are not for floating point. */
  totalCents: number
}

function databaseUri(): string {
  return process.env['REPORT_MONGODB_URI'] || setting('MONGODB_URI', 'mongodb://127.0.0.1:27017/shop')
}

/** The day's first moment. */
function dayInZone(day: string | undefined): DateTime<true> {
  const today = DateTime.now().setZone(timezone).startOf('day')
  const start = day === undefined ? today.minus({ days: 1 }) : DateTime.fromISO(day, { zone: timezone }).startOf('day')
  if (!start.isValid) throw new Fatal(`There is no day ${day}.`)
  return start
}

const rowsPerProgress = 1_000

/** Answers with how many orders it wrote. */
async function writeCsv(orders: Collection<Order>, day: DateTime, file: string, ctx: JobContext): Promise<number> {
  const placedAt = { $gte: day.toJSDate(), $lt: day.plus({ days: 1 }).toJSDate() }
  const expected = await orders.countDocuments({ placedAt }, { signal: ctx.signal })
  const found = orders.find({ placedAt }, { signal: ctx.signal }).sort({ placedAt: 1, _id: 1 })
  let rows = 0
  async function* lines() {
    yield csvLine(['order', 'shop', 'customer', 'placed at', 'total'])
    for await (const { _id, shop, customer, placedAt, totalCents } of found) {
      const localTime = DateTime.fromJSDate(placedAt, { zone: timezone }).toISO({ suppressMilliseconds: true })
      yield csvLine([_id, shop, customer, localTime, (totalCents / 100).toFixed(2)])
      rows++
      if (rows % rowsPerProgress === 0) ctx.progress(rows / expected, `${rows} orders`)
    }
  }
  await pipeline(lines, createWriteStream(file), { signal: ctx.signal })
  ctx.log('the report is written', { rows, expected })
  return rows
}

/**
 * By RFC 4180: what holds a comma, a quote or a line break is quoted, quotes in it are doubled, and lines end with CR
 * LF.
 */
const csvLine = (fields: readonly (string | null)[]): string => `${fields.map(csvField).join(',')}\r\n`

function csvField(field: string | null): string {
  const text = field ?? ''
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
