import { randomUUID } from 'node:crypto'
import type { Db } from 'mongodb'
import { inject } from 'vitest'
import { sharedClient } from './client.js'

export interface TestDatabase extends AsyncDisposable {
  readonly db: Db
  /** Names this database, so that what is given only the URI works on the same one. */
  uri: string
}

/**
 * A new and empty database on the run's MongoDB, dropped at the end of the scope: `await using database = await
 * testDatabase()`.
 */
export const testDatabase = async (): Promise<TestDatabase> => {
  const name = `${inject('databasePrefix')}${randomUUID()}`
  const { database } = await sharedClient()
  const db = database.db.client.db(name)
  return {
    db,
    uri: withName(inject('mongodbUri'), name),
    async [Symbol.asyncDispose]() {
      await db.dropDatabase()
    },
  }
}

/** A user is looked up in the database that the URI names, so its own must stay named when the path changes. */
const withName = (uri: string, name: string): string => {
  const [, start = '', path = '', query = ''] = /^([^:]+:\/\/[^/?]+)\/?([^?]*)\??(.*)$/.exec(uri) ?? []
  const options = new URLSearchParams(query)
  if (start.includes('@') && !options.has('authSource')) options.set('authSource', path === '' ? 'admin' : path)
  return `${start}/${name}?${options}`
}
