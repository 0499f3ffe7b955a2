/**
 * Decides when a request is worked on: not before the coordinator has started, not while its database is away, and
 * where it does not stay on, once it is awake and within an activation.
 */
import type { Log } from '../log.js'
import type { Presence } from '../presence.js'
import { errorResponse } from '../wireError.js'
import { ErrandError } from '../../core/errors.js'
import { startsMs, type Activations } from './activation.js'

export interface FetchOptions {
  /** Of the platform: keeps the function awake until the promise settles, after the answer as well. */
  waitUntil?: ((work: Promise<unknown>) => void) | undefined
}

export type Fetch = (request: Request, options?: FetchOptions) => Response | Promise<Response>

interface RequestsOptions {
  /** REST and tRPC. */
  answer: (request: Request) => Response | Promise<Response>
  presence: Presence
  log: Log
  /** Until it hears all callers, it would take a heartbeat or a receipt for late that was in time. */
  isStarting: () => boolean
  /** Of one that does not stay on. */
  sleeper: Sleeper | undefined
}

interface Sleeper {
  activations: Activations
  wakeUp: () => Promise<void>
  /** After each request. Never rejects. */
  beforeSleep: () => Promise<void>
  /** How long a request may keep it awake, in milliseconds. */
  longestMs: number
  /** How long an answer may wait for the jobs that it brought, where the platform has no `waitUntil`, in milliseconds. */
  answerWithinMs: number
}

export function createFetch({ answer, presence, log, isStarting, sleeper }: RequestsOptions): Fetch {
  const refusal = (error: unknown): Response => errorResponse(log, error)

  /** It is refused before it is worked on, or goes on where the database is back within a moment. */
  const fetchWhenPresent: Fetch = async (request, options) => {
    try {
      await presence.present()
    } catch (error) {
      return refusal(error)
    }
    return fetchPresent(request, options)
  }

  const fetchPresent: Fetch = (request, options) => (sleeper ? fetchAwake(sleeper, request, options) : answer(request))

  const fetchAwake = async (
    { activations, wakeUp, beforeSleep, longestMs, answerWithinMs }: Sleeper,
    request: Request,
    { waitUntil }: FetchOptions = {},
  ): Promise<Response> => {
    try {
      if (!isAlive(request)) await wakeUp()
    } catch (error) {
      return refusal(error)
    }
    const forMs = waitUntil ? longestMs : Math.min(answerWithinMs, longestMs)
    const activation = activations.open({
      startsMs: waitUntil ? startsMs(forMs) : forMs / 4,
      forMs,
      hasIdleWindow: waitUntil !== undefined,
    })
    try {
      return await answer(request)
    } finally {
      const end = activation.end().then(beforeSleep)
      if (waitUntil) waitUntil(end)
      else await end
    }
  }

  return (request, options) => {
    if (isStarting() && !isAboutProcess(request)) return refusal(stillStarting())
    return presence.isAway && !isAlive(request) ? fetchWhenPresent(request, options) : fetchPresent(request, options)
  }
}

/** A request about the process alone needs no database. */
const isAlive = ({ url }: Request): boolean => ['/healthz', '/openapi.json'].includes(new URL(url).pathname)

const isAboutProcess = (request: Request): boolean => isAlive(request) || new URL(request.url).pathname === '/readyz'

const stillStarting = (): ErrandError =>
  new ErrandError('UNAVAILABLE', 'The coordinator is starting.', { details: { retryAfter: 1 } })
