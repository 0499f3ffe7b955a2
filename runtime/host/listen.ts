/** A host on a port: the Node server, and its clean stop. */
import { createAdaptorServer } from '@hono/node-server'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { configError } from '../../core/errors.js'
import type { Clock } from '../../core/clock.js'

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

/** Longer than callers keep an idle connection, so that it is they who close it and no call is sent into a closing one. */
const keepAliveTimeoutMs = 65_000

/** How long the last answers may take to be written. */
const flushLimitMs = 1_000

/** `settle` resolves when no call runs any more, or the limit has passed. */
export async function listen(
  fetch: (request: Request) => Promise<Response>,
  { host = '127.0.0.1', port }: ListenOptions,
  clock: Clock,
  settle: () => Promise<void>,
): Promise<Listening> {
  let closing: Promise<void> | undefined
  const unwritten = new Set<Promise<unknown>>()
  const server = createAdaptorServer({
    hostname: host,
    serverOptions: { keepAliveTimeout: keepAliveTimeoutMs },
    async fetch(request, { outgoing }) {
      const written: Promise<unknown> = new Promise((resolve) => outgoing.once('close', resolve)).then(() =>
        unwritten.delete(written),
      )
      unwritten.add(written)
      const response = await fetch(request)
      // after this answer nothing more is to come by this connection
      if (closing !== undefined) response.headers.set('connection', 'close')
      return response
    },
  }) as Server

  async function close(): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    await settle()
    await within(clock, flushLimitMs, Promise.all(unwritten))
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
