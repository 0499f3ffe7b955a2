/** A host on a port: the Node server, and its clean stop. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { configError } from '../../core/errors.js'
import { gather, utf8 } from '../../core/payload/gather.js'
import type { Clock } from '../../core/time/clock.js'
import { maxCallBytes } from '../../core/functions/limits.js'
import type { Incoming } from '../receiveCall.js'
import type { Outgoing } from '../refusal.js'

export interface ListenOptions {
  /** Default `127.0.0.1`. */
  host?: string
  /** 0 takes any free port. */
  port: number
}

export interface Listening {
  /** `http://127.0.0.1:4101`, without a slash at the end. */
  url: string
  /** Takes no more calls, waits for those that run up to the host's limit, then cuts the rest. May be called twice. */
  close: () => Promise<void>
}

/**
 * Longer than callers keep an idle connection, so that it is they who close it and no call is sent into a closing one.
 */
const keepAliveTimeoutMs = 65_000

/** How long the last answers may take to be written. */
const flushLimitMs = 1_000

export type AnswerCall = (path: string, incoming: Incoming) => Promise<Outgoing>

/** `settle` resolves when no call runs any more, or the limit has passed. */
export async function listen(
  answer: AnswerCall,
  { host = '127.0.0.1', port }: ListenOptions,
  clock: Clock,
  settle: () => Promise<void>,
): Promise<Listening> {
  let closing: Promise<void> | undefined
  const unwritten = new Set<ServerResponse>()
  const server = createServer({ keepAliveTimeout: keepAliveTimeoutMs }, (request, response) => {
    unwritten.add(response)
    response.once('close', () => unwritten.delete(response))
    void serve(answer, request, response, () => closing !== undefined)
  })

  async function close(): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    await settle()
    await within(clock, flushLimitMs, Promise.all(Array.from(unwritten, isClosed)))
    server.closeAllConnections()
    await closed
  }

  await bind(server, host, port)
  const address = server.address() as AddressInfo
  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    close: () => (closing ??= close()),
  }
}

const isClosed = (response: ServerResponse): Promise<unknown> =>
  new Promise((resolve) => response.once('close', resolve))

async function serve(
  answer: AnswerCall,
  request: IncomingMessage,
  response: ServerResponse,
  isClosing: () => boolean,
): Promise<void> {
  try {
    const incoming = {
      method: request.method ?? 'GET',
      header: (name: string) => request.headers[name]?.toString(),
      body: await readBody(request),
      onHangUp: (listener: () => void) => {
        if (response.closed) listener()
        else response.once('close', () => !response.writableFinished && listener())
      },
    }
    const { status, headers, body } = await answer((request.url ?? '/').split('?', 1)[0]!, incoming)
    // after this answer nothing more is to come by this connection
    if (isClosing()) headers['connection'] = 'close'
    response.writeHead(status, headers).end(body)
  } catch {
    // the caller hung up in the middle of its body
    response.destroy()
  }
}

/** The whole body, or `undefined` where it is larger than a function takes; the rest of it is not read then. */
function readBody(request: IncomingMessage): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const body = gather(maxCallBytes)
    request.on('data', (chunk: Buffer) => {
      if (!body.add(chunk)) resolve(undefined)
    })
    request.on('end', () => resolve(utf8(body.bytes())))
    request.on('error', reject)
  })
}

async function bind(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  }).catch((error: NodeJS.ErrnoException) => {
    const problem = error.code === 'EADDRINUSE' ? 'another process listens there' : error.message
    throw configError(`The functions cannot listen on ${host}:${port}: ${problem}. Set ERRAND_FUNCTIONS_PORT.`, error)
  })
}

/** Waits for `work`, but no longer than `limitMs`. */
export async function within(clock: Clock, limitMs: number, work: Promise<unknown>): Promise<void> {
  const done = new AbortController()
  await Promise.race([work, clock.sleep(limitMs, done.signal)])
  done.abort()
}
