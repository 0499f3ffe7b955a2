/**
 * The size of results. The runtime refuses larger ones itself; this is for functions in other languages, and answered
 * results that were put together by hand.
 */
import type { ParsedAttemptResult } from '../../core/requests/attemptResult.js'
import { ErrandError } from '../../core/errors.js'
import { maxResultBytes, resultTooLarge } from '../../core/payload/resultSize.js'
import { bytesOf } from '../../core/payload/size.js'

/**
 * By the worker's own limit where it has one. Throws `PAYLOAD_TOO_LARGE`: it was posted, so the function is there to
 * hear it.
 */
export function refuseLargeResult(end: ParsedAttemptResult, limitBytes?: number): void {
  const [bytes, maxBytes] = [resultBytes(end), limitBytes ?? maxResultBytes]
  if (bytes <= maxBytes) return
  throw new ErrandError('PAYLOAD_TOO_LARGE', resultTooLarge(bytes, limitBytes), { details: { maxBytes } })
}

/**
 * It was answered, so the function hears no refusal any more. The attempt fails by it, for good, since it would come
 * again each time.
 */
export function withoutLargeResult(end: ParsedAttemptResult, limitBytes?: number): ParsedAttemptResult {
  const bytes = resultBytes(end)
  if (bytes <= (limitBytes ?? maxResultBytes)) return end
  const error = { name: 'ErrandError', code: 'RESULT_TOO_LARGE', message: resultTooLarge(bytes, limitBytes) }
  const { progress, log, logDropped } = end
  return { status: 'failure', error, fatal: true, progress, log, logDropped }
}

function resultBytes(end: ParsedAttemptResult): number {
  if (end.status !== 'success') return 0
  return jsonBytes(end.result) + jsonBytes(end.resultMeta)
}

function jsonBytes(value: unknown): number {
  if (value === undefined) return 0
  try {
    return bytesOf(JSON.stringify(value))
  } catch (error) {
    // too deep to be written; the step that stores it says so
    if (error instanceof RangeError) return 0
    throw error
  }
}
