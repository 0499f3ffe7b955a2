/**
 * Every error that Errand itself raises. A program reads `code`, a person reads `message`: what went wrong, which thing
 * it was about, and what to do next. Messages never hold args, results or keys, because those may be secrets.
 */
import type { ErrorCode } from './errorCodes.js'

export type { ErrorCode }

/** One thing wrong with an input, and where: the shape of zod's issues, without what could repeat the input. */
export interface Issue {
  path: (string | number)[]
  code: string
  message: string
}

export interface ErrandErrorOptions {
  issues?: Issue[]
  /** Fields for programs, such as the id of the job that holds a key. Never payloads. */
  details?: Record<string, unknown>
  cause?: unknown
}

export class ErrandError extends Error {
  readonly code: ErrorCode
  readonly issues: Issue[] | undefined
  readonly details: Record<string, unknown> | undefined

  constructor(code: ErrorCode, message: string, options: ErrandErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ErrandError'
    this.code = code
    this.issues = options.issues
    this.details = options.details
  }
}

/** Wraps a setting, option or environment that cannot work into one sentence that says what to change. */
export const configError = (message: string, cause?: unknown): ErrandError =>
  new ErrandError('CONFIG', message, cause === undefined ? {} : { cause })
