/**
 * A subscription of the router: server-sent events, asked for by POST, so that a request may name more than an address
 * can hold. tRPC's own link needs an `EventSource`, which asks by GET and which Node 20 does not have.
 */
import type { Clock } from '../core/time/clock.js'
import type { Serialized } from '../core/payload/payload.js'
import { transformer } from '../core/payload/transformer.js'
import { fromWire, isWireError } from '../core/fromWire.js'
import { readEvents } from './eventStream.js'
import { isPassing, notACoordinator } from './wireError.js'
import type { Fetch } from './fetch.js'

export interface SubscribeOptions {
  url: string
  origin: string
  headers: Record<string, string>
  fetch: Fetch
  clock: Clock
}

export interface Subscription {
  input: unknown
  signal: AbortSignal
  /** The coordinator has begun to answer. */
  opened: () => void
}

/**
 * No stream came, though the address answers: an older coordinator, or a proxy that holds answers back until they are
 * whole.
 */
export class NoStreamError extends Error {}

/** The coordinator's first event comes at once. */
const openLimitMs = 5_000
/** It pings every 15 seconds; a stream that is silent for longer is dead. */
const silenceLimitMs = 45_000

/**
 * Ends where the stream ends, is cut or falls silent. Throws `NoStreamError`, what the coordinator answers, and what
 * `fetch` throws.
 */
export async function* subscribe<Answer>(
  { url, origin, headers, fetch, clock }: SubscribeOptions,
  { input, signal, opened }: Subscription,
): AsyncGenerator<Answer> {
  const silent = new AbortController()
  let isOpen = false
  let takeBackAlarm = clock.alarm(openLimitMs, () => silent.abort())
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ json: input }),
      signal: AbortSignal.any([signal, silent.signal]),
    })
    for await (const { event, data } of readEvents(await streamOf(response, origin))) {
      takeBackAlarm()
      takeBackAlarm = clock.alarm(silenceLimitMs, () => silent.abort())
      isOpen = true
      if (event === 'connected') opened()
      if (event === 'return') return
      if (event === 'serialized-error') throw problemOf(data)
      if (event === 'message') yield read(data) as Answer
    }
  } catch (error) {
    if (!silent.signal.aborted) throw error
    if (!isOpen) throw new NoStreamError('nothing came', { cause: error })
  } finally {
    takeBackAlarm()
  }
}

async function streamOf(response: Response, origin: string): Promise<ReadableStream<Uint8Array>> {
  const type = response.headers.get('content-type') ?? ''
  if (response.ok && response.body && /^text\/event-stream\b/i.test(type)) return response.body
  const body = (await response.json().catch(() => undefined)) as { error?: unknown } | undefined
  const problem = isWireError(body?.error) ? fromWire(body.error) : notACoordinator(origin, response.status)
  if (isPassing(problem) || ['UNAUTHORIZED', 'FORBIDDEN'].includes(problem.code)) throw problem
  throw new NoStreamError(`HTTP ${response.status}`, { cause: problem })
}

const read = (data: string): unknown => transformer.deserialize(JSON.parse(data) as Serialized)

function problemOf(data: string): Error {
  const shape = read(data) as { data?: { errand?: unknown } }
  const body = shape.data?.errand
  return isWireError(body) ? fromWire(body) : new NoStreamError('an error that no coordinator gives')
}
