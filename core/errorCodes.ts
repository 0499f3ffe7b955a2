/**
 * The codes of all errors, each with the HTTP status that goes with it. Apart from the error itself, because functions
 * carry that and need no table.
 */

/** Codes are stable: they go over the wire and into people's `switch` statements. Add new ones, never rename. */
export const errorCodes = {
  /**
   * The request is not what the wire format says: malformed JSON, an unknown field, two fields that exclude each other.
   */
  BAD_REQUEST: 400,
  /** The args do not fit the worker's schema; `issues` tells where. */
  INVALID_ARGS: 400,
  /** The two sides are of releases too far apart; the message says which one to update. */
  WIRE_VERSION: 400,
  /** A cron expression, time zone, date or duration that cannot be read. */
  INVALID_TIME: 400,
  /** Of jobs that come all or none, at least one cannot be enqueued, so none was; `issues` names the items. */
  ATOMIC_REFUSED: 400,
  /**
   * A module in jobs/, or a contract, that cannot become a worker; or one whose key function gives no key for the args.
   */
  BAD_WORKER: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  UNKNOWN_ROUTE: 404,
  UNKNOWN_WORKER: 404,
  UNKNOWN_JOB: 404,
  UNKNOWN_SCHEDULE: 404,
  UNKNOWN_GROUP: 404,
  /** No API key has this name. */
  UNKNOWN_KEY: 404,
  /** The target to be resumed is not paused. */
  UNKNOWN_PAUSE: 404,
  UNKNOWN_DEPLOYMENT: 404,
  /** The unique key is taken by another job; `details.id` names it. */
  KEY_TAKEN: 409,
  /** Another API key has this name. */
  NAME_TAKEN: 409,
  /**
   * There must be a key with the role `operate` as soon as there is any: the first one made is one, and the last one
   * stays.
   */
  OPERATE_KEY_NEEDED: 409,
  /** The attempt has its receipt, or its deadline has passed, or another attempt has begun. */
  ATTEMPT_OVER: 409,
  /** The job's state does not allow the operation, such as retrying a job that is running. */
  WRONG_STATE: 409,
  /** Functions of a deployment do not answer, so it does not go live; `details.functions` names them. */
  PROBE_FAILED: 409,
  /** Another deployment went live in the meantime; `details.live` is its number. */
  DEPLOYED_MEANWHILE: 409,
  /** The args are of a later version than the worker: its code was rolled back, or is not deployed everywhere yet. */
  VERSION_AHEAD: 409,
  /** The group is over and its callback cannot be made; `details.problem` says why. */
  GROUP_STUCK: 409,
  /** The address is known, and not by this method; the header `Allow` names those that it takes. */
  METHOD_NOT_ALLOWED: 405,
  /** The request, its body included, did not arrive in time. */
  REQUEST_TIMEOUT: 408,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  /**
   * The key has as many requests open that wait as it may. Ask again after `details.retryAfter` seconds
   * (`Retry-After`).
   */
  TOO_MANY_REQUESTS: 429,
  HEADERS_TOO_LARGE: 431,
  INTERNAL: 500,
  /**
   * A tick whose steps did not all succeed; `details` has what a tick tells, and `failed` names them. The next tick
   * tries again.
   */
  TICK_FAILED: 500,
  /** A stored value cannot be shown any more: it was stored before values had bounds. */
  UNREADABLE: 500,
  /** The coordinator is shutting down or cannot reach its database. */
  UNAVAILABLE: 503,
  /**
   * Jobs come quicker than the database takes them, and as many wait as the coordinator holds; or so many requests wait
   * for ends. Nothing of the request was stored: send it again after `details.retryAfter` seconds (`Retry-After`), as
   * the typed client does by itself.
   */
  OVERLOADED: 503,
  /** A setting or an option in code that cannot work. Raised at start, at codegen, never over the wire. */
  CONFIG: 500,
} as const

export type ErrorCode = keyof typeof errorCodes

/** Where the package's docs describe it. */
export const docsOf = (code: ErrorCode): string => `docs/errors.md#${code.toLowerCase()}`
