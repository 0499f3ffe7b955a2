/** Tells the errors of writes whose value a unique index has already. */
import { MongoBulkWriteError, MongoServerError } from 'mongodb'
import { isUnconfirmed } from './outage.js'

/** The duplicate key errors of an unordered write. Any other error is thrown on. */
export function duplicates(error: unknown): { index: number; errmsg: string | undefined }[] {
  if (!(error instanceof MongoBulkWriteError)) throw error
  const writeErrors = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors]
  if (writeErrors.length === 0 || writeErrors.some(({ code }) => code !== duplicateKey)) throw error
  // the others of the write are not with a majority yet, and an election may take them back
  if (isUnconfirmed(error)) throw error
  return writeErrors.map(({ index, errmsg }) => ({ index, errmsg }))
}

const duplicateKey = 11_000

export const isDuplicate = (error: unknown): boolean => error instanceof MongoServerError && error.code === duplicateKey

/** Whether it went in; where one of that id is there already, it did not. */
export async function inserts(insertion: Promise<unknown>): Promise<boolean> {
  try {
    await insertion
    return true
  } catch (error) {
    if (isDuplicate(error)) return false
    throw error
  }
}
