/** The receipt of one attempt, as the text of its body. */
import { parseDuration, type Duration } from '../core/time/duration.js'
import { Fatal, RetryAfter, Snooze } from '../core/job/outcome.js'
import type { SnoozeBody } from '../core/requests/attemptResult.js'
import type { ReceiptBody } from '../core/requests/wire.js'
import { maxResultBytes, resultTooLarge } from '../core/payload/resultSize.js'
import { look } from '../core/thrown.js'
import { maxAnswerBytes } from '../core/functions/limits.js'
import { bytesOf, isLargerThan, parseSize, type Size } from '../core/payload/size.js'
import { AttemptError } from './attemptError.js'
import { describeError } from './describeError.js'
import { encodeResult } from './encodeResult.js'

/** `limit` is the worker's own. Throws `AttemptError` where the result cannot be sent. */
export function successReceipt(result: unknown, limit?: Size): string {
  if (result === undefined) return '{"status":"success"}'
  const { json, meta = '' } = encodeResult(result)
  const limitBytes = parseSize(limit)
  if (isLargerThan(limitBytes ?? maxResultBytes, json + meta)) {
    throw new AttemptError('RESULT_TOO_LARGE', resultTooLarge(bytesOf(json + meta), limitBytes))
  }
  return `{"status":"success","result":${json}${meta && `,"resultMeta":${meta}`}}`
}

/** A failure, or a snooze, which is thrown as well. */
export const thrownReceipt = (thrown: unknown): string => JSON.stringify(endBy(thrown))

function endBy(thrown: unknown): ReceiptBody | SnoozeBody {
  const own = look(() => (thrown instanceof AttemptError ? thrown.receiptError() : undefined))
  if (own) return { status: 'failure', ...own }
  const error = describeError(thrown)
  // by name too, because a bundle may hold a second copy of errand
  const isA = (kind: Kind, name: string) => error.name === name || look(() => thrown instanceof kind)
  const given = look(() => (thrown as { delay?: unknown }).delay)
  const delay = parseDuration(given) === undefined ? undefined : (given as Duration)
  if (delay && isA(Snooze, 'Snooze')) return { status: 'snoozed', delay }
  if (isA(Fatal, 'Fatal')) return { status: 'failure', error, fatal: true }
  return { status: 'failure', error, retryAfter: delay && isA(RetryAfter, 'RetryAfter') ? delay : undefined }
}

type Kind = new (...args: never[]) => Error

/**
 * The answer to a call that carried several jobs. A receipt that does not fit into it any more becomes a failure of its
 * own job, which is tried again.
 */
export function joinReceipts(receipts: string[]): string {
  let left = maxAnswerBytes - roomForFailures
  const fitting = receipts.map((receipt) => {
    const bytes = bytesOf(receipt)
    if (bytes > left) return tooLargeTogether
    left -= bytes
    return receipt
  })
  return `{"receipts":[${fitting.join(',')}]}`
}

const roomForFailures = 128 * 1024

const tooLargeTogether = thrownReceipt(
  new AttemptError(
    'RESULTS_TOO_LARGE',
    `The results of one call are together larger than ${maxAnswerBytes / 1024 / 1024} MiB. Lower \`jobsPerCall\`, or store results elsewhere and return where.`,
  ),
)
