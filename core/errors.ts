/**
 * Every error that Errand itself raises. A program reads `code`, a person reads `message`: what went wrong, which thing it
 * was about, and what to do next. Messages never hold args, results or keys, because those may be secrets.
 */

/** Codes are stable: they go over the wire and into people's `switch` statements. Add new ones, never rename. */
export const errorCodes = {
  /** The request is not what the wire format says: malformed JSON, an unknown field, two fields that exclude each other. */
  BAD_REQUEST: 400,
  /** The args do not fit the worker's schema; `issues` tells where. */
  INVALID_ARGS: 400,
  /** A cron expression, time zone, date or duration that cannot be read. */
  INVALID_TIME: 400,
  /** Of jobs that come all or none, at least one cannot be enqueued, so none was; `issues` names the items. */
  BATCH_REFUSED: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  UNKNOWN_ROUTE: 404,
  UNKNOWN_WORKER: 404,
  UNKNOWN_JOB: 404,
  UNKNOWN_SCHEDULE: 404,
  UNKNOWN_GROUP: 404,
  /** No API key has this name. */
  UNKNOWN_KEY: 404,
  /** What was to be resumed is not paused. */
  UNKNOWN_PAUSE: 404,
  /** The unique key is held by another job; `details.id` names it. */
  KEY_TAKEN: 409,
  /** Another API key has this name. */
  NAME_TAKEN: 409,
  /** There must be a key with the role `operate` as soon as there is any: the first one made is one, and the last one stays. */
  OPERATE_KEY_NEEDED: 409,
  /** The attempt has its receipt, or its deadline has passed, or another attempt has begun. */
  ATTEMPT_OVER: 409,
  /** The job's state does not allow the operation, such as retrying a job that is running. */
  WRONG_STATE: 409,
  /** The args are of a later version than the worker: its code was rolled back, or is not deployed everywhere yet. */
  VERSION_AHEAD: 409,
  /** The group is over and its follow-up cannot be made; `details.problem` says why. */
  GROUP_STUCK: 409,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  INTERNAL: 500,
  /** A tick whose steps did not all succeed; `details` has what a tick tells, and `failed` names them. The next tick tries again. */
  TICK_FAILED: 500,
  /** The coordinator is shutting down or cannot reach its database. */
  UNAVAILABLE: 503,
  /** A setting or an option in code that cannot work. Raised at start, at codegen, never over the wire. */
  CONFIG: 500,
  /** A module in jobs/ that cannot become a worker. */
  BAD_WORKER: 500,
} as const

export type ErrorCode = keyof typeof errorCodes

/** One thing wrong with an input, and where: the shape of zod's issues, less what could repeat the input. */
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

  /** The HTTP status that goes with the code. */
  get status(): number {
    return errorCodes[this.code]
  }
}

/** Wraps a setting, option or environment that cannot work into one sentence that says what to change. */
export const configError = (message: string, cause?: unknown): ErrandError =>
  new ErrandError('CONFIG', message, cause === undefined ? {} : { cause })
