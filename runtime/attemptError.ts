/**
 * Errors that Errand itself ends an attempt with. Like any error of `run` each becomes a failure receipt, which a
 * program knows by its `code`.
 */
import type { ReceiptError } from '../core/requests/wire.js'

export type AttemptErrorCode =
  /** The args do not fit the worker's schema. Trying again cannot cure it. */
  | 'INVALID_ARGS'
  /** The args are of a later version than the function: its code was rolled back, or is not deployed everywhere yet. */
  | 'VERSION_AHEAD'
  /** The result of `run` does not fit the worker's result schema. */
  | 'INVALID_RESULT'
  /** The result of `run` cannot be sent: it holds a function, say, or itself. */
  | 'RESULT_NOT_ENCODABLE'
  /** The result of `run` takes more as JSON than its worker's `limits.result`, or 1 MiB. */
  | 'RESULT_TOO_LARGE'
  /** The results of the jobs of one call did not fit into its answer together; this one is tried again. */
  | 'RESULTS_TOO_LARGE'
  /** The deadline passed before `run` was done. */
  | 'TIMEOUT'
  /** The coordinator no longer waits for this attempt: it was cancelled, it has its receipt, or the caller hung up. */
  | 'ATTEMPT_OVER'

/** Codes of failures that would come again each time, after `run` did its work each time. */
const fatalCodes: readonly AttemptErrorCode[] = ['INVALID_ARGS', 'RESULT_NOT_ENCODABLE', 'RESULT_TOO_LARGE']

export class AttemptError extends Error {
  readonly code: AttemptErrorCode

  constructor(code: AttemptErrorCode, message: string) {
    super(message)
    this.name = code === 'TIMEOUT' ? 'TimeoutError' : 'AttemptError'
    this.code = code
  }

  /** Without the stack, which would show Errand's own code and nothing of the worker's. */
  receiptError(): { error: ReceiptError; fatal?: true } {
    const { name, message, code } = this
    return { error: { name, message, code }, ...(fatalCodes.includes(code) ? { fatal: true } : {}) }
  }
}
