/**
 * Unpacks the body of a request that comes packed (`Content-Encoding`), piece by piece: whoever reads the pieces counts
 * them, and stops at the limit. A megabyte may unpack to a gigabyte.
 */
import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { ErrandError } from '../../core/errors.js'

/** What `Accept-Encoding` names. */
const takenEncodings = ['gzip', 'deflate', 'br'] as const
type Encoding = (typeof takenEncodings)[number]

const unpackers: Record<Encoding, () => Transform> = {
  gzip: createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
}

/** How the body is packed, if it is. Throws `UNSUPPORTED_MEDIA_TYPE`. */
export function encodingOf({ headers }: Request): Encoding | undefined {
  const told = headers.get('content-encoding')?.trim().toLowerCase() ?? ''
  if (!isPacked(told)) return undefined
  const name = told === 'x-gzip' ? 'gzip' : told
  const encoding = takenEncodings.find((taken) => taken === name)
  if (encoding !== undefined) return encoding
  throw new ErrandError(
    'UNSUPPORTED_MEDIA_TYPE',
    `A body with \`Content-Encoding: ${told.slice(0, 100)}\` cannot be unpacked. Send it with one of ${takenEncodings.join(', ')}, or as it is.`,
    { details: { encodings: takenEncodings } },
  )
}

/** Then `Content-Length` does not tell how long the body is. */
export const isPacked = (told: string | null): boolean => !/^(identity)?$/i.test(told?.trim() ?? '')

/**
 * What is packed may be larger than what is in it, by a little. Beyond that it holds nothing: then it is not read on
 * either.
 */
const mostPackedBytes = (maxBytes: number): number => maxBytes + Math.ceil(maxBytes / 256) + 1024

/**
 * The pieces of a body that is unpacked. Ends with `false` where more comes than can hold `maxBytes`. Throws
 * `BAD_REQUEST` where it cannot be unpacked, and what the body itself throws.
 */
export async function* unpacked(
  body: ReadableStream,
  encoding: Encoding,
  maxBytes: number,
): AsyncGenerator<Uint8Array, boolean> {
  const unpacker = unpackers[encoding]()
  let bytes = 0
  let isTooMuch = false
  const counted = async function* (pieces: AsyncIterable<Uint8Array>) {
    for await (const piece of pieces) {
      bytes += piece.byteLength
      if (bytes > mostPackedBytes(maxBytes)) return void (isTooMuch = true)
      yield piece
    }
  }
  // what goes wrong on the way ends the unpacker with the same error, which its reader gets
  pipeline(Readable.fromWeb(body), counted, unpacker).catch(() => {})
  try {
    yield* unpacker as AsyncIterable<Uint8Array>
  } catch (error) {
    if (isTooMuch) return false
    // some clients name the encoding of a body that they do not send
    if (bytes === 0 && isUnpackingProblem(error)) return true
    if (!isUnpackingProblem(error)) throw error
    throw new ErrandError(
      'BAD_REQUEST',
      `The body cannot be unpacked: it is not whole, or it is not packed as \`Content-Encoding: ${encoding}\` says.`,
      { cause: error },
    )
  }
  return !isTooMuch
}

/** zlib names its codes `Z_…`, and those of brotli `ERR__ERROR_…`. */
const isUnpackingProblem = (error: unknown): boolean =>
  error instanceof Error && /^(Z_|ERR__)/.test(String((error as NodeJS.ErrnoException).code))
