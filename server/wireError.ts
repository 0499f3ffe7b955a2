/**
 * Keeps of an error what may leave the server: code, sentence, issues, details, and where its code is described. Never
 * a stack, and never the text of an error that is not ours.
 */
import type { WireError } from '../core/views/answers.gen.js'
import { docsOf, errorCodes } from '../core/errorCodes.js'
import { ErrandError } from '../core/errors.js'
import { look } from '../core/thrown.js'
import type { Log } from './log.js'
import { isOutage } from './store/outage.js'

/** The log's message for each request that ends in a fault of ours. */
export const requestFailed = 'a request failed'

/** When to ask a database that is away again: most elections are over by then. */
export const retryAfterSeconds = 5

const internal = toKnownWireError(new ErrandError('INTERNAL', 'The coordinator failed. Its log tells more.'))

/** Of an error that we raised ourselves. */
export function toKnownWireError({ code, message, issues, details }: ErrandError): WireError {
  return { ...details, code, message, docs: docsOf(code), ...(issues === undefined ? {} : { issues }) }
}

export function toWireError(log: Log, error: unknown): { status: number; body: WireError } {
  if (error instanceof ErrandError && error.code !== 'CONFIG') {
    return { status: errorCodes[error.code], body: toKnownWireError(error) }
  }
  log('error', requestFailed, { error })
  return look(() => isOutage(error))
    ? {
        status: 503,
        body: {
          code: 'UNAVAILABLE',
          docs: docsOf('UNAVAILABLE'),
          retryAfter: retryAfterSeconds,
          message:
            'The coordinator cannot reach its database now. What was asked for may have been stored all the same: look before you ask for it again.',
        },
      }
    : { status: 500, body: internal }
}

/** The answer to a request that failed. */
export function errorResponse(log: Log, error: unknown): Response {
  const { status, body } = toWireError(log, error)
  return responseOf(status, body)
}

/** The same for an error of ours that was raised before there was a request. */
export const knownErrorResponse = (error: ErrandError): Response =>
  responseOf(errorCodes[error.code], toKnownWireError(error))

function responseOf(status: number, body: WireError): Response {
  // the owner of the key is what the caller asked for, so it stands at the top as well
  const owner = body.code === 'KEY_TAKEN' ? { id: body['id'] } : {}
  return Response.json({ ...owner, error: body }, { status, headers: headersOf(body) })
}

/** What of an error's details stands in a header as well. */
export function headersOf({ retryAfter, encodings }: Record<string, unknown>): Record<string, string> {
  return {
    ...(typeof retryAfter === 'number' ? { 'retry-after': String(retryAfter) } : {}),
    ...(Array.isArray(encodings) ? { 'accept-encoding': encodings.join(', ') } : {}),
  }
}
