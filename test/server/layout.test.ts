import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../core/index.js'
import type { ContractOptions } from '../../core/job/contract.js'
import { createCoordinator, type CoordinatorOptions } from '../../server/coordinator.js'
import { createContracts } from '../../server/deployments/contracts.js'
import { testDatabase, type TestDatabase } from '../support/database.js'
import { testErrand, testKey } from '../support/errand.js'

const work = defineJob({ args: z.object({}), schedule: { every: '1h' }, run: () => null })

const { run: _, ...contract } = work
const contractsOf = (name: string) =>
  createContracts({ [name]: { load: async () => contract as ContractOptions, scheduled: true } })

/** Starts a coordinator, and stops it; what it was started for is done then. */
async function start({ db }: TestDatabase, more: Partial<CoordinatorOptions> = {}): Promise<void> {
  const coordinator = createCoordinator({
    db,
    contracts: contractsOf('work'),
    url: 'http://coordinator.test',
    functionsUrl: 'http://functions.test',
    signingKeys: [testKey],
    invoke: () => Promise.reject(new Error('nobody is called here')),
    ...more,
  })
  try {
    await coordinator.start()
  } finally {
    await coordinator.stop({ graceMs: 0 })
  }
}

const namesIn = async ({ db }: TestDatabase): Promise<string[]> =>
  (await db.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name).toSorted()

const problem = async (starting: Promise<void>): Promise<string> => {
  try {
    await starting
    return 'it started'
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`
  }
}

describe('collections', () => {
  it('of an application in the same database are left as they are', async () => {
    await using database = await testDatabase()
    const { db } = database
    const past = new Date(0)
    const theirs = {
      jobs: { state: 'running', runAt: past, deadline: past, expireAt: past, title: 'a baker' },
      schedules: { nextRunAt: past, gym: 'open' },
      throttles: { expireAt: past },
      groups: { name: 'climbers' },
      keys: { door: 12 },
    }
    for (const [name, document] of Object.entries(theirs)) await db.collection(name).insertOne({ ...document })
    const before = await Promise.all(Object.keys(theirs).map((name) => db.collection(name).find().toArray()))
    await start(database)
    const after = await Promise.all(Object.keys(theirs).map((name) => db.collection(name).find().toArray()))
    expect(after).toEqual(before)
    for (const name of Object.keys(theirs)) expect(await db.collection(name).indexes()).toHaveLength(1)
    const made = (await namesIn(database)).filter((name) => !(name in theirs))
    expect(made.filter((name) => !name.startsWith('errand_'))).toEqual([])
  })

  it('are not taken where they hold what Errand has not made', async () => {
    await using database = await testDatabase()
    await database.db.collection('errand_groups').insertOne({ name: 'climbers' })
    expect(await problem(start(database))).toMatch(/^CONFIG: The collection errand_groups holds .* ERRAND_NAMESPACE/)
    expect(await namesIn(database)).toEqual(['errand_groups'])
    await start(database, { namespace: 'board' })
    expect(await database.db.collection('errand_board_schedules').countDocuments()).toBe(1)
  })

  it('are purged of what Errand has made, and of nothing else', async () => {
    await using errand = await testErrand({ work })
    const { db } = errand.database
    const past = new Date(0)
    const names = ['jobs', 'throttles', 'slots'].map((name) => `errand_${name}`)
    for (const name of names) await db.collection(name).insertOne({ expireAt: past, theirs: true })
    await errand.purge()
    for (const name of names) expect(await db.collection(name).countDocuments({ theirs: true })).toBe(1)
  })

  it('of a newer and of an older layout are not touched', async () => {
    await using database = await testDatabase()
    const meta = database.db.collection<{ _id: string }>('errand_meta')
    for (const [version, advice] of [
      [99, 'Install the newer errand'],
      [0, 'take an empty database'],
      // with errand_keys and errand_batches, whose API keys would be read no more
      [1, 'take an empty database'],
    ] as const) {
      await meta.replaceOne({ _id: 'layout' }, { version, environment: 'production' }, { upsert: true })
      expect(await problem(start(database))).toMatch(new RegExp(`^CONFIG: .*layout ${version}.*${advice}`))
      expect(await namesIn(database)).toEqual(['errand_meta'])
    }
  })

  it('of two namespaces are each for their own', async () => {
    await using database = await testDatabase()
    await start(database, { project: 'a', namespace: 'one' })
    await start(database, { project: 'b', namespace: 'two' })
    await start(database, { project: 'c' })
    for (const prefix of ['errand_one_', 'errand_two_', 'errand_']) {
      expect(await database.db.collection(`${prefix}schedules`).countDocuments()).toBe(1)
    }
  })

  it.each(['', 'a_b', 'Big', '-a', 'a'.repeat(33), 'a.b', 'ü'])('have no namespace %j', async (namespace) => {
    await using database = await testDatabase()
    expect(() =>
      createCoordinator({
        db: database.db,
        contracts: contractsOf('work'),
        url: 'http://coordinator.test',
        functionsUrl: 'http://functions.test',
        signingKeys: [testKey],
        namespace,
      }),
    ).toThrow(/ERRAND_NAMESPACE is no namespace/)
  })
})

describe('a project', () => {
  it('keeps its schedules when another one is started on its database, which is refused', async () => {
    await using database = await testDatabase()
    await start(database, { project: 'shop' })
    const other = contractsOf('other')
    expect(await problem(start(database, { project: 'blog', contracts: other }))).toMatch(
      /^CONFIG: .*the project "shop", and this is "blog".*ERRAND_NAMESPACE.*ERRAND_PROJECT=shop/,
    )
    const schedules = await database.db.collection('errand_schedules').find().toArray()
    expect(schedules.map(({ _id }) => String(_id))).toEqual(['code:work'])
    await start(database, { project: 'shop' })
  })

  it('takes what a coordinator made that did not know its project', async () => {
    await using database = await testDatabase()
    await start(database)
    await start(database, { project: 'shop' })
    await start(database)
    expect(await problem(start(database, { project: 'blog' }))).toMatch(/^CONFIG/)
  })

  it('is one, however many coordinators start it at once', async () => {
    await using database = await testDatabase()
    const outcomes = await Promise.all(
      ['shop', 'shop', 'blog', 'shop', 'blog'].map(async (project) => [
        project,
        await problem(start(database, { project })),
      ]),
    )
    const { project: winner } = (await database.db.collection('errand_meta').findOne())!
    expect(outcomes.map(([, outcome]) => outcome!.split(':')[0])).toEqual(
      outcomes.map(([project]) => (project === winner ? 'it started' : 'CONFIG')),
    )
  })
})

describe('a preview', () => {
  it('is refused where production is, and starts beside it in a namespace', async () => {
    await using database = await testDatabase()
    await start(database, { project: 'shop' })
    expect(await problem(start(database, { project: 'shop', preview: true }))).toMatch(
      /^CONFIG: This is a preview deployment.*MONGODB_URI of their own.*ERRAND_NAMESPACE/,
    )
    await start(database, { project: 'shop', preview: true, namespace: 'preview' })
    await start(database, { project: 'shop', preview: true, namespace: 'preview' })
  })

  it('is refused again once production has come to where it was', async () => {
    await using database = await testDatabase()
    await start(database, { preview: true })
    await start(database)
    expect(await problem(start(database, { preview: true }))).toMatch(/^CONFIG/)
  })
})
