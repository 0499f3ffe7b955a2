/**
 * Turns the coordinator's errors back into `ErrandError`s, and so the lack of any answer. No message holds an API key:
 * none of them repeats a header.
 */
import { TRPCClientError } from '@trpc/client'
import { ErrandError, type ErrorCode } from '../core/errors.js'
import { fromWire, isWireError } from '../core/fromWire.js'

/** Turns what a failed call threw into the error that the caller gets. `origin` names the coordinator. */
export function toErrandError(error: unknown, origin: string): ErrandError {
  if (error instanceof ErrandError) return error
  if (!(error instanceof TRPCClientError)) return unreachable(origin, error)
  if (error.cause instanceof ErrandError) return error.cause
  // REST answers outside the router have the same body one level up
  const body: unknown = error.data?.errand ?? (error.meta?.responseJSON as { error?: unknown } | undefined)?.error
  if (isWireError(body)) return fromWire(body)
  const status = (error.meta?.response as { status?: unknown } | undefined)?.status
  if (typeof status === 'number') return notACoordinator(origin, status)
  return unreachable(origin, error.cause ?? error)
}

/** By status, what an answer means that no coordinator gave: a proxy's, a platform's, or another program's. */
const codeOfStatus: Record<number, ErrorCode> = { 401: 'UNAUTHORIZED', 403: 'FORBIDDEN', 413: 'PAYLOAD_TOO_LARGE' }
const passingStatus = new Set([408, 425, 429])

export function notACoordinator(origin: string, status: number): ErrandError {
  const passing = status >= 500 || passingStatus.has(status)
  return new ErrandError(
    codeOfStatus[status] ?? (passing ? 'UNAVAILABLE' : 'UNKNOWN_ROUTE'),
    passing
      ? `What answers at ${origin} could not reach the coordinator (HTTP ${status}). Check that the coordinator runs.`
      : `What answers at ${origin} is no coordinator (HTTP ${status}). Check that \`url\` is the coordinator's address.`,
  )
}

/**
 * Asking again may help: the coordinator cannot be reached, or is stopping, and another may have taken its place; or it
 * has too much to do.
 */
export const isPassing = (error: unknown): boolean => error instanceof ErrandError && passingCodes.has(error.code)

const passingCodes: ReadonlySet<ErrorCode> = new Set(['UNAVAILABLE', 'OVERLOADED', 'TOO_MANY_REQUESTS'])

export const tooSlow = (origin: string, timeout: string): ErrandError =>
  new ErrandError(
    'UNAVAILABLE',
    `The coordinator at ${origin} did not answer within ${timeout}. Check that it runs and reaches its database.`,
  )

function unreachable(origin: string, cause: unknown): ErrandError {
  const reason = reasonOf(cause)
  return new ErrandError(
    'UNAVAILABLE',
    `The coordinator at ${origin} cannot be reached${reason === undefined ? '' : ` (${reason})`}. Check that it runs, that \`url\` is its address, and that this machine may connect to it.`,
    { cause },
  )
}

/** The system's own code, such as `ECONNREFUSED`, from the place where `fetch` has put it. */
function reasonOf(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown }
    if (typeof code === 'string') return code
  }
  return undefined
}
