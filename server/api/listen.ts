/**
 * Hosts a `fetch` handler on a Node server.
 *
 * An answer may come before the body was read: to a caller that has no key, or sends too much. The rest of the body
 * would stand before the next request on the connection, so it is thrown away first, up to a limit (unreadBodies.ts). A
 * connection with more to come is closed with the answer, which says so.
 *
 * A request that does not come to its end is given up: as long as it lasts it has a place among those that may wait to
 * be written (server/api/intake).
 */
import { getRequestListener, RequestError, type HttpBindings } from '@hono/node-server'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { configError, ErrandError } from '../../core/errors.js'
import { knownErrorResponse } from '../wireError.js'
import { answerUnreadable, refuseWithoutHost } from './unreadable.js'
import { createUnreadBodies, type UnreadBodies } from './unreadBodies.js'

export interface ListenOptions {
  fetch: (request: Request) => Response | Promise<Response>
  host: string
  /** 0 takes a free one. */
  port: number
  /** The setting to name when the port is taken. */
  setting: string
  /**
   * How long a request may take to arrive, its body included, in milliseconds. Then it is answered with 408. Default
   * 60,000.
   */
  arrivalMs?: number
}

export interface Listening {
  /** The address it really listens on. */
  url: string
  /** Takes no more connections and resolves when the open requests are answered. May be called twice. */
  close(): Promise<void>
}

type FetchCallback = Parameters<typeof getRequestListener>[0]

export async function listen({ fetch, host, port, setting, arrivalMs = 60_000 }: ListenOptions): Promise<Listening> {
  const unread = createUnreadBodies()
  const answerAfterBody = answering(unread)
  const handle = (request: Request, { incoming, outgoing }: HttpBindings): Response | Promise<Response> =>
    hasBody(incoming) ? answerAfterBody(incoming, outgoing, fetch(request)) : fetch(request)
  /** The one of this turn: what cannot become a request is told in the turn in which it comes. */
  let coming: Pick<HttpBindings, 'incoming' | 'outgoing'> | undefined
  const answer = getRequestListener(handle as FetchCallback, {
    hostname: host,
    overrideGlobalObjects: false,
    errorHandler(error) {
      const response = problem(error)
      return coming && hasBody(coming.incoming) ? answerAfterBody(coming.incoming, coming.outgoing, response) : response
    },
  })
  const limits = {
    requestTimeout: arrivalMs,
    headersTimeout: arrivalMs,
    connectionsCheckingInterval: arrivalMs / 4,
    // Node would refuse it without a word
    requireHostHeader: false,
  }
  const take = (incoming: IncomingMessage, outgoing: HttpBindings['outgoing']): void => {
    if (refuseWithoutHost(incoming, outgoing)) return
    // the whole server is asked, which has no address of its own
    if (incoming.method === 'OPTIONS' && incoming.url === '*') incoming.url = '/*'
    coming = { incoming, outgoing }
    void answer(incoming, outgoing)
    coming = undefined
  }
  const server = createServer(limits, take)
  // an expectation that nobody knows may be left out of account
  server.on('checkExpectation', (incoming, outgoing) => server.emit('request', incoming, outgoing))
  answerUnreadable(server)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenProblem(error, host, port, setting)))
    server.listen(port, host, resolve)
  })
  const address = server.address() as AddressInfo
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  let closing: Promise<void> | undefined
  return {
    url: `http://${name}:${address.port}`,
    close: () => (closing ??= close(server)),
  }
}

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    // connections that are kept alive without a request would hold the server open
    server.closeIdleConnections()
  })

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0

const answering =
  (unread: UnreadBodies) =>
  async (
    incoming: IncomingMessage,
    outgoing: HttpBindings['outgoing'],
    answer: Response | Promise<Response>,
  ): Promise<Response> => {
    const response = await answer
    if (!incoming.readableEnded && !(await unread.discard(incoming))) outgoing.setHeader('connection', 'close')
    return response
  }

/** Answers what cannot even become a request: a `Host` that is none, an address that cannot be read. */
const problem = (error: unknown): Response =>
  knownErrorResponse(
    error instanceof RequestError
      ? new ErrandError('BAD_REQUEST', `The request cannot be read: ${error.message}.`)
      : new ErrandError('INTERNAL', 'The coordinator failed.'),
  )

function listenProblem(error: NodeJS.ErrnoException, host: string, port: number, setting: string): Error {
  if (error.code === 'EADDRINUSE') {
    return configError(
      `Port ${port} on ${host} is taken by another process. Stop it, or set ${setting} to another port.`,
      error,
    )
  }
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') {
    return configError(`This machine has no address ${host}. Check ERRAND_HOST.`, error)
  }
  return configError(`Could not listen on ${host}:${port} (${error.code ?? error.message}).`, error)
}
