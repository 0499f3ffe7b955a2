/**
 * Databases with the collections and indexes of a coordinator, lent to one test after the other. To make the
 * collections and to drop them again takes longer than most tests do.
 *
 * A database that comes back is emptied, and lent again only where it is then what it was when it was new. All others
 * are dropped; those that are free at the end go with the run.
 */
import type { Db, Document } from 'mongodb'
import { systemClock } from '../../core/time/clock.js'
import { createStore } from '../../server/store/index.js'
import { collectionsOf } from '../../server/store/layout.js'
import { sharedClient } from './client.js'
import { manualClock } from './clock.js'
import { testDatabase, type TestDatabase } from './database.js'
import { countQuestions, type Questions } from './questions.js'

export interface LentDatabase extends TestDatabase {
  /** What all coordinators on it ask. Whoever makes one has to have them watched. */
  readonly questions: Questions
}

interface Prepared {
  database: TestDatabase
  /** What it was when it was new. */
  state: string
}

const free: Prepared[] = []

/** A database of its own, as `prepare` leaves it: `await using database = await lendDatabase()`. */
export async function lendDatabase(): Promise<LentDatabase> {
  const prepared = free.pop() ?? (await prepareDatabase())
  const { database } = prepared
  const client = await sharedClient()
  const lostBefore = client.lost
  const questions = countQuestions()
  let giving: Promise<void> | undefined

  const giveBack = async () => {
    const isStill = await untilStill(() => questions.pending > 0 || client.underWay > 0)
    if (isStill && client.lost === lostBefore && (await isAsNew(prepared))) free.push(prepared)
    else await database[Symbol.asyncDispose]()
  }
  return {
    /** Coordinators ask for it at each operation, so none can write once another test has the database. */
    get db() {
      if (giving) throw new Error('The test that this database was lent to has ended.')
      return database.db
    },
    uri: database.uri,
    questions,
    [Symbol.asyncDispose]: () => (giving ??= giveBack()),
  }
}

async function prepareDatabase(): Promise<Prepared> {
  const database = await testDatabase()
  const { db } = database
  await createStore(() => db, { clock: manualClock(), back() {}, failing() {} }).prepare()
  // the others come with their first document, and would be there for some tests and not for others
  const isThere = new Set((await db.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name))
  const missing = names(db).filter((name) => !isThere.has(name))
  await Promise.all(missing.map((name) => db.createCollection(name)))
  return { database, state: await stateOf(db) }
}

/** What is not answered by then is of a coordinator that was cut off or has died, and nobody knows when it happens. */
const longestWaitMs = 2_000

/**
 * An operation asks again a few turns of the loop after an answer, and its command may go on when nobody waits for the
 * operation any more.
 */
const stillTurns = 4

/** Whether nothing is under way, nor about to be, within the longest wait. */
async function untilStill(isBusy: () => boolean): Promise<boolean> {
  let isLate = false
  const cancel = systemClock.alarm(longestWaitMs, () => (isLate = true))
  for (let still = 0; still < stillTurns && !isLate; still++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (!isBusy()) continue
    await systemClock.sleep(1)
    still = -1
  }
  cancel()
  return !isLate
}

/** Empties it first. What else a test has changed stays changed. */
async function isAsNew({ database: { db }, state }: Prepared): Promise<boolean> {
  try {
    return (await emptied(db)) && (await stateOf(db)) === state
  } catch {
    // such as where a view has taken the place of a collection
    return false
  }
}

/** To delete more documents one by one takes longer than to make the collections anew. */
const mostDocuments = 2_000

/** All but the layout's own document, which a coordinator changes only where it has a project. */
async function emptied(db: Db): Promise<boolean> {
  const counts = await ofEach(db, { $collStats: { count: {} } })
  if (counts.reduce((sum, { count }) => sum + count, 0) > mostDocuments) return false
  const full = counts.filter(({ collection, count }) => count > 0 && collection !== metaOf(db))
  await Promise.all(full.map(({ collection }) => db.collection(collection).deleteMany({})))
  return true
}

/** All that a test could have changed, as text. */
async function stateOf(db: Db): Promise<string> {
  const [collections, indexes, counts, layout] = await Promise.all([
    collectionsIn(db),
    ofEach(db, { $indexStats: {} }),
    ofEach(db, { $collStats: { count: {} } }),
    db.collection(metaOf(db)).find().toArray(),
  ])
  return JSON.stringify([
    sorted(collections),
    sorted(indexes.map(({ collection, spec }) => ({ collection, spec }))),
    sorted(counts.map(({ collection, count }) => ({ collection, count }))),
    layout,
  ])
}

/** Each with its kind and options. What tells it from an earlier one of the same name is left out. */
const collectionsIn = async (db: Db): Promise<object[]> =>
  (await db.listCollections({}, { nameOnly: false }).toArray()).map(({ info: _, ...collection }) => collection)

const sorted = (items: object[]): string[] => items.map((item) => JSON.stringify(item)).toSorted()

/** Asks the same of all our collections, in one command. */
async function ofEach(db: Db, stage: Document): Promise<Document[]> {
  const [first = '', ...others] = names(db)
  const stages = (collection: string) => [stage, { $set: { collection } }]
  return await db
    .collection(first)
    .aggregate([
      ...stages(first),
      ...others.map((collection) => ({ $unionWith: { coll: collection, pipeline: stages(collection) } })),
    ])
    .toArray()
}

const names = (db: Db): string[] => Object.values(collectionsOf(db, undefined)).map((each) => each.collectionName)

const metaOf = (db: Db): string => collectionsOf(db, undefined).meta.collectionName
