/** One client for all databases of a process: to open one takes as long as a small test. It ends with the process. */
import { inject } from 'vitest'
import { openDatabase, type Database } from '../../database/connect.js'

export interface SharedClient {
  database: Database
  /** Commands that have been asked for and are not answered, on whatever database. */
  readonly underWay: number
  /**
   * How many connections have been lost. What was asked on one of them may still happen, although nobody waits for it.
   */
  readonly lost: number
}

let opening: Promise<SharedClient> | undefined

export const sharedClient = (): Promise<SharedClient> => (opening ??= open())

async function open(): Promise<SharedClient> {
  const database = await openDatabase({ uri: inject('mongodbUri'), dataDir: '' })
  let underWay = 0
  let lost = 0
  // each command takes a connection, and gives it back when it is answered
  database.db.client
    .on('connectionCheckOutStarted', () => underWay++)
    .on('connectionCheckOutFailed', () => underWay--)
    .on('connectionCheckedIn', () => underWay--)
    .on('connectionClosed', ({ reason }) => {
      if (reason === 'error') lost++
    })
  return {
    database,
    get underWay() {
      return underWay
    },
    get lost() {
      return lost
    },
  }
}
