/**
 * Tells whether the database is the reason that something failed: it is away, is being elected anew, or does not answer
 * in time. Then the same may work in a moment, and a write may have happened although its answer was lost.
 *
 * By name and code, not by class: a database that is handed in may come with a driver of its own.
 */

/** Of an operation that the store has given up. */
export const outageName = 'DatabaseNoAnswerError'

/** Thrown for what is not even tried, because the database is away for long. */
export class DatabaseAwayError extends Error {
  override readonly name = outageName

  constructor() {
    super('The database is away.')
  }
}

/** Errors of the driver where it has no connection, or loses one. */
const names = new Set([
  outageName,
  'MongoNetworkError',
  'MongoNetworkTimeoutError',
  'MongoServerSelectionError',
  'MongoPoolClearedError',
  'MongoPoolClosedError',
  'MongoWaitQueueTimeoutError',
  'MongoOperationTimeoutError',
  'MongoNotConnectedError',
  'MongoTopologyClosedError',
  'MongoServerClosedError',
  'MongoClientClosedError',
  'MongoStalePrimaryError',
  // only ever of a client that was closed while it worked, because no session is ours
  'MongoExpiredSessionError',
])

/** Source: https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml */
const codes = new Set([
  6, // HostUnreachable
  7, // HostNotFound
  50, // MaxTimeMSExpired
  64, // WriteConcernTimeout
  89, // NetworkTimeout
  91, // ShutdownInProgress
  133, // FailedToSatisfyReadPreference
  134, // ReadConcernMajorityNotAvailableYet
  189, // PrimarySteppedDown
  262, // ExceededTimeLimit
  9_001, // SocketException
  10_058, // LegacyNotPrimary
  10_107, // NotWritablePrimary
  11_600, // InterruptedAtShutdown
  11_602, // InterruptedDueToReplStateChange
  13_435, // NotPrimaryNoSecondaryOk
  13_436, // NotPrimaryOrSecondary
])

/**
 * Of a socket that ends while the driver waits to write more to it: the one moment in which it hands on what Node says
 * as it is.
 */
const socketCodes = new Set(['EPIPE', 'ECONNRESET', 'ECONNABORTED', 'ETIMEDOUT'])

const labels = new Set(['RetryableWriteError', 'PoolRequestedRetry', 'SystemOverloadedError'])

interface Reason {
  name?: unknown
  code?: unknown
  errorLabels?: unknown
  cause?: unknown
  /** Of a write on many: the error it was made of. */
  errorResponse?: unknown
  /** The same, of single documents. */
  writeErrors?: unknown
}

/** Errors hold each other, and may do so in a ring. */
const deepest = 10

/**
 * Whether a write on many was not confirmed by as many servers as were asked for. The driver tells of single documents
 * alone where there is something to tell of both.
 */
export const isUnconfirmed = ({ result }: { result?: { getWriteConcernError?: () => unknown } }): boolean =>
  result?.getWriteConcernError?.() !== undefined

export function isOutage(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > deepest) return false
  const { name, code, errorLabels, cause, errorResponse, writeErrors } = error as Reason
  if (names.has(name as string) || socketCodes.has(code as string)) return true
  // other libraries have codes too, and theirs mean other things
  if (typeof name === 'string' && name.startsWith('Mongo')) {
    if (isUnconfirmed(error)) return true
    if (codes.has(Number(code))) return true
    if (Array.isArray(errorLabels) && errorLabels.some((label) => labels.has(label as string))) return true
    if (listOf(writeErrors).some((each) => codes.has(Number((each as Reason).code)))) return true
  }
  return isOutage(cause, depth + 1) || isOutage(errorResponse, depth + 1)
}

const listOf = (errors: unknown): readonly unknown[] =>
  Array.isArray(errors) ? errors : errors === undefined ? [] : [errors]
