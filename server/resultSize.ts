/** The size of results. The runtime refuses larger ones itself; this is for functions in other languages, and answered results that were put together by hand. */
import type { ParsedAttemptEnd } from '../core/attemptEnd.js'
import { ErrandError } from '../core/errors.js'
import { maxResultBytes, resultTooLarge } from '../core/resultSize.js'

/** Throws `PAYLOAD_TOO_LARGE`: it was posted, so the function is there to hear it. */
export function refuseLargeResult(end: ParsedAttemptEnd): void {
  const bytes = resultBytes(end)
  if (bytes <= maxResultBytes) return
  throw new ErrandError('PAYLOAD_TOO_LARGE', resultTooLarge(bytes), { details: { maxBytes: maxResultBytes } })
}

/** It was answered, and nobody hears it any more; so the attempt fails by it, for good, since it would come again each time. */
export function withoutLargeResult(end: ParsedAttemptEnd): ParsedAttemptEnd {
  const bytes = resultBytes(end)
  if (bytes <= maxResultBytes) return end
  const error = { name: 'ErrandError', code: 'RESULT_TOO_LARGE', message: resultTooLarge(bytes) }
  const { progress, log, logDropped } = end
  return { status: 'failure', error, fatal: true, progress, log, logDropped }
}

function resultBytes(end: ParsedAttemptEnd): number {
  if (end.status !== 'success') return 0
  return sizeOf(end.result) + sizeOf(end.resultMeta)
}

const sizeOf = (value: unknown): number => (value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value)))
