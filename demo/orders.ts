/**
 * The shop's orders in MongoDB, for the report: some of the day it is about, and the nearest ones of the days before
 * and after.
 */
import { DateTime } from 'luxon'
import { MongoClient } from 'mongodb'

const timezone = 'America/Montreal'

export interface SeededOrders {
  /** The day to report, such as `2030-01-31`. */
  day: string
  /** How many orders that day has. */
  count: number
  /** Texts that stand in the report as they are here, when its quoting is right. */
  quoted: string[]
}

export async function seedOrders(uri: string): Promise<SeededOrders> {
  const start = DateTime.now().setZone(timezone).startOf('day').minus({ days: 1 })
  const end = start.plus({ days: 1 })
  const placedAt = [
    start.minus({ milliseconds: 1 }), // the day before
    start,
    ...Array.from({ length: 497 }, (_, minute) => start.plus({ minutes: 150 + minute })),
    end.minus({ milliseconds: 1 }),
    end, // the day after
  ]
  const customers = [
    'Ada Lovelace',
    'Curie, Marie',
    'Grace "Amazing" Hopper',
    'Émilie du Châtelet',
    'Hypatia\nAlexandria',
  ]
  const orders = placedAt.map((moment, index) => ({
    _id: `order-${String(index).padStart(4, '0')}`,
    shop: index % 3 === 0 ? 'south' : 'north',
    customer: customers[index % customers.length]!,
    placedAt: moment.toJSDate(),
    totalCents: 995 + index * 10,
  }))
  const client = new MongoClient(uri)
  try {
    const collection = client.db().collection<(typeof orders)[number]>('orders')
    await collection.createIndex({ placedAt: 1, _id: 1 })
    await collection.insertMany(orders)
  } finally {
    await client.close()
  }
  return {
    day: start.toISODate()!,
    count: orders.length - 2,
    quoted: ['"Curie, Marie"', '"Grace ""Amazing"" Hopper"', ',Émilie du Châtelet,', '"Hypatia\nAlexandria"'],
  }
}
