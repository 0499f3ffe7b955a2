import type { Db } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../core/job/defineJob.js'
import { groupIndexes } from '../../server/store/groups.js'
import { jobIndexes } from '../../server/store/indexes.js'
import { testErrand } from './errand.js'
import { lendDatabase } from './pool.js'

const work = defineJob({ args: z.object({ n: z.number() }), run: ({ n }) => n })

/**
 * Lends a database, and another one after it came back. Answers whether it was the same, and fails where the second one
 * is not as new.
 */
async function isLentAgain(use: (db: Db) => Promise<unknown>): Promise<boolean> {
  const uriOf = async (use: (db: Db) => Promise<unknown>) => {
    await using database = await lendDatabase()
    await use(database.db)
    return database.uri
  }
  const first = await uriOf(use)
  const second = await uriOf(async (db) => expect(await contents(db)).toEqual(fresh))
  return first === second
}

const contents = async (db: Db) => {
  const found: Record<string, [count: number, indexes: number]> = {}
  for (const { name } of await db.listCollections().toArray()) {
    const collection = db.collection(name)
    found[name] = [await collection.countDocuments(), (await collection.indexes()).length]
  }
  return found
}

const fresh: Awaited<ReturnType<typeof contents>> = {
  errand_jobs: [0, 1 + jobIndexes.length],
  errand_schedules: [0, 3],
  errand_groups: [0, 1 + groupIndexes.length],
  errand_throttles: [0, 2],
  errand_slots: [0, 2],
  errand_origins: [0, 2],
  errand_meta: [1, 1],
  ...Object.fromEntries(
    ['receipts', 'pauses', 'audit', 'atomic_requests', 'deployments', 'live', 'api_keys'].map((name) => [
      `errand_${name}`,
      [0, 1],
    ]),
  ),
}

describe('a database that a test gives back', () => {
  it('is emptied and lent again', async () => {
    expect(await isLentAgain(async () => {})).toBe(true)
    const filled = Object.keys(fresh).filter((name) => name !== 'errand_meta')
    expect(await isLentAgain((db) => Promise.all(filled.map((name) => db.collection(name).insertOne({}))))).toBe(true)
  })

  it.each<[string, (db: Db) => Promise<unknown>]>([
    ['another collection', (db) => db.createCollection('more')],
    ['a document in another collection', (db) => db.collection('more').insertOne({})],
    ['another index', (db) => db.collection('errand_jobs').createIndex({ more: 1 })],
    ['an index less', (db) => db.collection('errand_jobs').dropIndex('due')],
    [
      'an index that is unique',
      async (db) => {
        await db.collection('errand_slots').dropIndex('expired')
        await db.collection('errand_slots').createIndex({ expireAt: 1 }, { name: 'expired', unique: true })
      },
    ],
    ['a collection less', (db) => db.collection('errand_audit').drop()],
    [
      'a capped collection',
      async (db) => {
        await db.collection('errand_audit').drop()
        await db.createCollection('errand_audit', { capped: true, size: 4096 })
      },
    ],
    [
      'a collection that refuses documents',
      async (db) => {
        await db.collection('errand_audit').drop()
        await db.createCollection('errand_audit', { validator: { n: 1 } })
      },
    ],
    [
      'a view in the place of a collection',
      async (db) => {
        await db.collection('errand_audit').drop()
        await db.createCollection('errand_audit', { viewOn: 'errand_jobs', pipeline: [] })
      },
    ],
    ['another project', (db) => db.collection('errand_meta').updateOne({}, { $set: { project: 'shop' } })],
    ['no layout', (db) => db.collection('errand_meta').deleteMany({})],
    ['another layout', (db) => db.collection('errand_meta').insertOne({})],
    [
      'more documents than are soon deleted',
      (db) => db.collection('errand_audit').insertMany(Array.from({ length: 2_001 }, () => ({}))),
    ],
  ])('with %s is not lent again', async (_, spoil) => {
    expect(await isLentAgain(spoil)).toBe(false)
  })

  it('before a write has been answered is lent again only with that write over', async () => {
    expect.assertions(1) // of whoever has it next
    const bytes = 'x'.repeat(100_000)
    await isLentAgain(async (db) => {
      void db.collection('errand_audit').insertMany(Array.from({ length: 20 }, () => ({ bytes })))
    })
  })

  it('with a question that is never answered is not lent again', async () => {
    let first = ''
    {
      await using errand = await testErrand({ work })
      first = errand.database.uri
      const { questions } = errand.database
      const store = { jobs: { ask: () => new Promise(() => {}) } }
      questions.watch(store as never)
      void store.jobs.ask()
    }
    await using second = await lendDatabase()
    expect(second.uri).not.toBe(first)
  })
})

describe('a coordinator', () => {
  it('that outlives its test writes into no database', async () => {
    let late
    let first = ''
    {
      await using errand = await testErrand({ work })
      late = await testErrand({ work }, { beside: errand })
      first = errand.database.uri
    }
    await using second = await testErrand({ work })
    expect(second.database.uri).toBe(first)
    expect((await late.post('/job', { worker: 'work', args: { n: 1 } })).status).toBe(500)
    expect(await contents(second.database.db)).toEqual(fresh)
  })

  it('shares its database with none that is there at the same time', async () => {
    await using one = await testErrand({ work })
    await using other = await testErrand({ work })
    await one.enqueue('work', { n: 1 })
    expect(await other.database.db.collection('errand_jobs').countDocuments()).toBe(0)
    expect(await one.database.db.collection('errand_jobs').countDocuments()).toBe(1)
  })
})
