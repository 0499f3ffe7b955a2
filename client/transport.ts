/**
 * The way to the coordinator: one tRPC client for the fixed router, whose types stay in here. A call ends with an
 * answer, an `ErrandError`, or the reason of the caller's own signal.
 */
import { createTRPCClient, httpLink, splitLink, type TRPCClient } from '@trpc/client'
import { formatDuration } from '../core/time/duration.js'
import { configError } from '../core/errors.js'
import type { Serialized } from '../core/payload/payload.js'
import { transformer } from '../core/payload/transformer.js'
import { wireHeaders } from '../core/wireVersion.js'
import type { Router } from '../server/api/router/index.js'
import type { Clock } from '../core/time/clock.js'
import { untilTaken } from './overload.js'
import { NoStreamError, subscribe, type Subscription } from './subscribe.js'
import { notACoordinator, toErrandError, tooSlow } from './wireError.js'
import type { Fetch } from './fetch.js'

export interface TransportOptions {
  url: string | URL
  apiKey: string | undefined
  fetch: Fetch
  timeoutMs: number
  /** How long what is repeatable is asked again where no answer comes. */
  retryForMs: number
  clock: Clock
  /** At least 0 and below 1. */
  random: () => number
}

interface CallOptions {
  /** Whether it is the same however often it is asked for; then it is asked again where no answer came. Default: no. */
  repeatable?: boolean
  /** Default: the client's. */
  timeoutMs?: number
  signal?: AbortSignal | undefined
}

export interface Transport {
  readonly timeoutMs: number
  /**
   * Asks; where the coordinator is overloaded, again when it said, and where it is away, what is repeatable, as long as
   * that is within the time limit.
   */
  readonly call: <Answer>(
    ask: (router: TRPCClient<Router>, options: { signal: AbortSignal }) => Promise<Answer>,
    options?: CallOptions,
  ) => Promise<Answer>
  /** The events of one of the router's subscriptions. Throws as `call` does, and `NoStreamError`. */
  readonly subscribe: <Answer>(procedure: string, subscription: Subscription) => AsyncGenerator<Answer>
}

/** Throws `ErrandError` `CONFIG` for a url or key that cannot work. */
export function createTransport({
  url,
  apiKey,
  fetch,
  timeoutMs,
  retryForMs,
  clock,
  random,
}: TransportOptions): Transport {
  const { origin, endpoint } = readUrl(url)
  const headers = { ...authorization(apiKey), ...wireHeaders }
  const http = {
    url: endpoint,
    headers,
    // args are encoded already (enqueue.ts); only answers hold what JSON cannot say
    transformer: {
      input: {
        serialize: (json: unknown) => ({ json }),
        deserialize: (input: Serialized) => transformer.deserialize(input),
      },
      output: transformer,
    },
    fetch: async (url: unknown, init: unknown) => {
      const response = await fetch(url as string, init as RequestInit)
      if (isJson(response)) return response
      await response.body?.cancel()
      throw notACoordinator(origin, response.status)
    },
  }
  const router = createTRPCClient<Router>({
    links: [
      splitLink({
        // names more jobs than an address can hold
        condition: ({ path }) => path === 'jobs.waitMany',
        true: httpLink<Router>({ ...http, methodOverride: 'POST' }),
        false: httpLink<Router>(http),
      }),
    ],
  })

  return {
    timeoutMs,
    async call(ask, { timeoutMs: limitMs = timeoutMs, signal, repeatable = false } = {}) {
      const late = new AbortController()
      const endMs = clock.now().getTime() + limitMs
      const repeatForMs = repeatable ? retryForMs : 0
      const takeBackAlarm = clock.alarm(limitMs, () => late.abort())
      const ended = signal ? AbortSignal.any([signal, late.signal]) : late.signal
      const once = async () => {
        signal?.throwIfAborted()
        try {
          return await ask(router, { signal: ended })
        } catch (error) {
          if (signal?.aborted) throw signal.reason
          throw late.signal.aborted ? tooSlow(origin, formatDuration(limitMs)) : toErrandError(error, origin)
        }
      }
      try {
        return await untilTaken(once, { clock, random, endMs, signal: ended, repeatForMs })
      } finally {
        takeBackAlarm()
      }
    },
    async *subscribe<Answer>(procedure: string, subscription: Subscription) {
      try {
        yield* subscribe<Answer>({ url: `${endpoint}/${procedure}`, origin, headers, fetch, clock }, subscription)
      } catch (error) {
        if (subscription.signal.aborted) throw subscription.signal.reason
        throw error instanceof NoStreamError ? error : toErrandError(error, origin)
      }
    },
  }
}

const isJson = ({ headers }: Response): boolean => /^application\/json\b/i.test(headers.get('content-type') ?? '')

function readUrl(url: string | URL): { origin: string; endpoint: string } {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (!parsed || !/^https?:$/.test(parsed.protocol)) {
    throw configError(
      '`url` of createClient must be the coordinator\'s http or https address, such as "http://127.0.0.1:4100".',
    )
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw configError('`url` of createClient must not hold a user or a password. Give the API key as `apiKey`.')
  }
  return { origin: parsed.origin, endpoint: `${parsed.origin}${parsed.pathname.replace(/\/+$/, '')}/trpc` }
}

/** Checked here because `fetch` would repeat a key that cannot be a header in its error. */
function authorization(apiKey: string | undefined): Record<string, string> {
  if (apiKey === undefined || apiKey === '') return {}
  if (!/^[\x21-\x7e]+$/.test(apiKey)) {
    throw configError('`apiKey` of createClient holds a space, a line break or another character that no key has.')
  }
  return { authorization: `Bearer ${apiKey}` }
}
