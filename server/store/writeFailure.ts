/** Tells what is wrong with the database from what is wrong with the thing that was to be written. */
import {
  BSON,
  MongoBulkWriteError,
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoNetworkTimeoutError,
  MongoError,
  MongoServerError,
} from 'mongodb'

/** `item`: the driver or the database refused what it was given, and will again. `database`: no item is the reason. `unclear`: either may be. */
export type WriteFailure = 'item' | 'database' | 'unclear'

export function writeFailure(error: unknown): WriteFailure {
  const cause = innermost(error)
  // an engine closes the connection on which it is sent what it cannot read
  if (cause instanceof MongoNetworkError) return cause instanceof MongoNetworkTimeoutError ? 'database' : 'unclear'
  if (cause instanceof MongoBulkWriteError) return hasWriteErrors(cause) ? 'item' : 'database'
  if (cause instanceof MongoServerError) return itemCodes.has(Number(cause.code)) ? 'item' : 'database'
  if (cause instanceof MongoInvalidArgumentError) return 'item'
  if (cause instanceof MongoError) return 'database'
  // BSON cannot say it; or not so deep, where it comes to the end of the stack
  return cause instanceof BSON.BSONError || cause instanceof RangeError ? 'item' : 'unclear'
}

/** A write of many wraps what went wrong with its connection. */
const innermost = (error: unknown): unknown =>
  error instanceof MongoBulkWriteError && error.errorResponse instanceof Error ? error.errorResponse : error

const hasWriteErrors = ({ writeErrors }: MongoBulkWriteError): boolean =>
  !Array.isArray(writeErrors) || writeErrors.length > 0

/** BadValue, Overflow, InvalidBSON, DocumentValidationFailure, BSONObjectTooLarge; and the same of a document that an update made. */
const itemCodes: ReadonlySet<number> = new Set([2, 15, 22, 121, 10_334, 17_280, 17_419, 17_420])
