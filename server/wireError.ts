/**
 * Keeps of an error what may leave the server: code, sentence, issues, details. Never a stack, and never the text of an
 * error that is not ours.
 */
import type { WireError } from '../core/views/answers.gen.js'
import { errorCodes } from '../core/errorCodes.js'
import { ErrandError } from '../core/errors.js'
import { look } from '../core/thrown.js'
import type { Log } from './log.js'
import { isOutage } from './store/outage.js'

/** The log's message for each request that ends in a fault of ours. */
export const requestFailed = 'a request failed'

/** When to ask a database that is away again: most elections are over by then. */
export const retryAfterSeconds = 5

export function toWireError(log: Log, error: unknown): { status: number; body: WireError } {
  if (error instanceof ErrandError && error.code !== 'CONFIG') {
    const { code, message, issues, details } = error
    return {
      status: errorCodes[error.code],
      body: { ...details, code, message, ...(issues === undefined ? {} : { issues }) },
    }
  }
  log('error', requestFailed, { error })
  return look(() => isOutage(error))
    ? {
        status: 503,
        body: {
          code: 'UNAVAILABLE',
          retryAfter: retryAfterSeconds,
          message:
            'The coordinator cannot reach its database now. What was asked for may have been stored all the same: look before you ask for it again.',
        },
      }
    : { status: 500, body: { code: 'INTERNAL', message: 'The coordinator failed. Its log tells more.' } }
}

/** The answer to a request that failed. */
export function errorResponse(log: Log, error: unknown): Response {
  const { status, body } = toWireError(log, error)
  const { retryAfter } = body
  const headers = typeof retryAfter === 'number' ? { 'retry-after': String(retryAfter) } : {}
  // the owner of the key is what the caller asked for, so it stands at the top as well
  const owner = body.code === 'KEY_TAKEN' ? { id: body['id'] } : {}
  return Response.json({ ...owner, error: body }, { status, headers })
}
