/**
 * Answers what Node itself cannot read as a request, in the form of every other error. Node would answer with a status
 * alone.
 */
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { errorCodes } from '../../core/errorCodes.js'
import { ErrandError } from '../../core/errors.js'
import { toKnownWireError } from '../wireError.js'

const problems: Record<string, () => ErrandError> = {
  HPE_HEADER_OVERFLOW: () =>
    new ErrandError('HEADERS_TOO_LARGE', 'The headers of the request are too large. Send fewer, or shorter ones.'),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: () =>
    new ErrandError('PAYLOAD_TOO_LARGE', 'The chunks of the body have extensions that are too large. Leave them out.'),
  ERR_HTTP_REQUEST_TIMEOUT: () =>
    new ErrandError('REQUEST_TIMEOUT', 'The request did not arrive in time, its body included. Send it again.'),
}

export function answerUnreadable(server: Server): void {
  const unfinished = new WeakMap<Socket, Set<ServerResponse>>()
  server.prependListener('request', ({ socket }: IncomingMessage, outgoing: ServerResponse) => {
    const answers = unfinished.get(socket) ?? new Set()
    unfinished.set(socket, answers.add(outgoing))
    outgoing.once('close', () => answers.delete(outgoing))
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // an answer that has begun goes on for as long as it can, and nothing may stand inside of it
    const isAnswering = [...(unfinished.get(socket) ?? [])].some(({ headersSent }) => headersSent)
    if (socket.writable && !isAnswering) socket.write(answerTo(error))
    socket.destroySoon()
  })
}

/** HTTP/1.1 wants a host of every request; what is older need not have one. Answers whether it was refused. */
export function refuseWithoutHost(
  { headers, httpVersion }: IncomingMessage,
  outgoing: Pick<ServerResponse, 'writeHead'>,
): boolean {
  if (headers.host !== undefined || httpVersion === '1.0') return false
  const { status, lines, body } = told(new ErrandError('BAD_REQUEST', 'The request cannot be read: it has no `Host`.'))
  outgoing.writeHead(status, lines).end(body)
  return true
}

function answerTo({ code = '' }: NodeJS.ErrnoException): string {
  const error = problems[code]?.() ?? new ErrandError('BAD_REQUEST', 'The request cannot be read: it is no HTTP/1.1.')
  const { status, lines, body } = told(error)
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head.join('')}\r\n${body}`
}

function told(error: ErrandError) {
  const body = JSON.stringify({ error: toKnownWireError(error) })
  const lines = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }
  return { status: errorCodes[error.code], lines, body }
}
