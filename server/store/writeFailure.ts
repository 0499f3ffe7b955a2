/** Tells faults of the database from faults of the thing that was to be written. */
import { isOutage } from './outage.js'

/**
 * `item`: the driver or the database refused what it was given, and will again. `database`: no item is the reason.
 * `unclear`: either may be.
 */
export type WriteFailure = 'item' | 'database' | 'unclear'

interface Failure {
  name?: unknown
  code?: unknown
  /** Of a write on many: the error it was made of, and those of single documents. */
  errorResponse?: unknown
  writeErrors?: unknown
}

export function writeFailure(error: unknown): WriteFailure {
  if (typeof error !== 'object' || error === null) return 'unclear'
  const { name, code, errorResponse, writeErrors } = error as Failure
  if (isOutage(error)) {
    // an engine closes the connection on which it is sent what it cannot read
    const isLost = [name, (errorResponse as Failure | undefined)?.name].includes('MongoNetworkError')
    return isLost ? 'unclear' : 'database'
  }
  if (itemNames.has(name as string) || itemCodes.has(Number(code))) return 'item'
  if (writeErrors !== undefined && [writeErrors].flat().length > 0) return 'item'
  return typeof name === 'string' && name.startsWith('Mongo') ? 'database' : 'unclear'
}

/**
 * BSON cannot say it, or not so deep, where it comes to the end of the stack. Or it is larger than a document may be.
 */
const itemNames: ReadonlySet<string> = new Set([
  'MongoInvalidArgumentError',
  'BSONError',
  'BSONVersionError',
  'RangeError',
])

/**
 * BadValue, Overflow, InvalidBSON, DocumentValidationFailure, BSONObjectTooLarge; and the same of a document that an
 * update made.
 */
const itemCodes: ReadonlySet<number> = new Set([2, 15, 22, 121, 10_334, 17_280, 17_419, 17_420])
