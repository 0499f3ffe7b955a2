/**
 * Limits how long a chain of causes may be: each is an error in an error, and a database takes only so many levels. No
 * zod here: functions bundle it.
 */

/** Causes below an error. Those that come after are cut off. */
export const maxCauses = 10

interface Caused<Self> {
  cause?: Self | undefined
}

/** The error with as many causes as are kept; itself where it has no more. */
export function withoutDeepCauses<Failure extends Caused<Failure>>(error: Failure, left = maxCauses): Failure {
  if (error.cause === undefined) return error
  const { cause, ...rest } = error
  if (left === 0) return rest as Failure
  const kept = withoutDeepCauses(cause, left - 1)
  return kept === cause ? error : { ...error, cause: kept }
}
