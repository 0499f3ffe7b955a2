/** Duplicate keys: what a write says where a unique index has the value already. */
import { MongoBulkWriteError } from 'mongodb'
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

export const duplicateKey = 11_000
