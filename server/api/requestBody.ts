/**
 * The body of a request, for both doors: read once it is known who sends it and what they may do, up to the limit of
 * its route, whether its length was told beforehand, it comes in chunks, or it is packed. A body that is too large is
 * not read on; server/api/listen, which holds the socket, sees to the rest.
 */
import { isUtf8 } from 'node:buffer'
import type { ReadableStream } from 'node:stream/web'
import { ErrandError } from '../../core/errors.js'
import { gather, utf8 } from '../../core/payload/gather.js'
import { heavyJsonProblem } from '../../core/payload/jsonWeight.js'
import { encodingOf, isPacked, unpacked } from './unpack.js'

/** Of a route that expects none. */
export const maxNoBodyBytes = 1024
/**
 * The largest body of a request that carries many jobs: to parse it must not keep others waiting. The client sends more
 * in several.
 */
export const maxManyBytes = 8 * 1024 * 1024

/** Of a request that brings jobs. */
export interface BodyIntake {
  /** So many bytes of a body in chunks are here. Throws `OVERLOADED`. */
  readonly grow: (bytes: number) => void
  /** Waits, behind a body that is not small, until it may be parsed. */
  readonly turn: (bytes: number) => Promise<void>
}

/**
 * How long the body is, where its sender has told. The server hands over just as many bytes. Of one that is packed,
 * nobody has told how long it is.
 */
export function toldBytes({ headers }: Request): number | undefined {
  const told = headers.get('content-length')
  if (told === null || headers.has('transfer-encoding') || isPacked(headers.get('content-encoding'))) return undefined
  return Number(told)
}

/**
 * Throws `PAYLOAD_TOO_LARGE`, also for JSON that would take too long to parse, `UNSUPPORTED_MEDIA_TYPE` where it is
 * packed in a way that is not known, and `BAD_REQUEST` where the body is cut off, cannot be unpacked or is no UTF-8. The
 * limit counts what is unpacked. Of a body whose length was not told, the intake hears how many bytes are here, and may
 * throw to read no more.
 */
export async function readText(request: Request, maxBytes: number, intake?: BodyIntake): Promise<string> {
  const told = toldBytes(request)
  if (told !== undefined && told > maxBytes) throw tooLarge(maxBytes)
  let bytes: Uint8Array
  try {
    // whole is quicker than as a stream
    bytes =
      told !== undefined
        ? new Uint8Array(await request.arrayBuffer())
        : await readPieces(piecesOf(request, maxBytes), maxBytes, intake?.grow)
  } catch (error) {
    if (error instanceof ErrandError) throw error
    throw new ErrandError('BAD_REQUEST', 'The body ended before it was whole.', { cause: error })
  }
  const text = textOf(bytes)
  await intake?.turn(text.length)
  const problem = heavyJsonProblem(text)
  if (problem !== undefined)
    throw new ErrandError(
      'PAYLOAD_TOO_LARGE',
      `The body cannot be read. ${problem} Send less at once, or nest it less deep.`,
    )
  return text
}

type Pieces = AsyncIterator<Uint8Array, unknown>

/** Its pieces, unpacked; ends with `false` where it is known to be too large. */
function piecesOf(request: Request, maxBytes: number): Pieces | undefined {
  const encoding = encodingOf(request)
  const body = request.body as ReadableStream<Uint8Array> | null
  if (body === null) return undefined
  // one that is not packed goes through nothing else: it may come byte by byte
  return encoding === undefined ? body[Symbol.asyncIterator]() : unpacked(body, encoding, maxBytes)
}

async function readPieces(
  pieces: Pieces | undefined,
  maxBytes: number,
  onBytes?: (bytes: number) => void,
): Promise<Uint8Array> {
  const gathered = gather(maxBytes)
  if (!pieces) return gathered.bytes()
  for (let bytes = 0; ;) {
    const { done, value } = await pieces.next()
    if (done && value === false) throw tooLarge(maxBytes)
    if (done) return gathered.bytes()
    bytes += value.byteLength
    try {
      if (!gathered.add(value)) throw tooLarge(maxBytes)
      onBytes?.(bytes)
    } catch (error) {
      // the sender may be slow to hear that nobody reads on, and is not waited for
      pieces.return?.().catch(() => {})
      throw error
    }
  }
}

/** A byte order mark, which some programs write before UTF-8, is no part of the text. */
function textOf(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new ErrandError('BAD_REQUEST', 'The body is no UTF-8. Send JSON as UTF-8.')
  const text = utf8(bytes)
  return text.startsWith('\ufeff') ? text.slice(1) : text
}

const tooLarge = (maxBytes: number): ErrandError =>
  new ErrandError(
    'PAYLOAD_TOO_LARGE',
    `The body is larger than ${maxBytes} bytes. Store large data elsewhere and send its address.`,
    { details: { maxBytes } },
  )
