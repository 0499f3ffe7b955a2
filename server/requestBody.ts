/**
 * The body of a request, for both doors: read once it is known who sends it and what they may do, up to the limit of its route, whether its length was
 * told beforehand or it comes in chunks. What is too large is not read on; whoever holds the socket (server/listen) sees to the rest.
 */
import { ErrandError } from '../core/errors.js'

/** Of a route that expects none. */
export const maxNoBodyBytes = 1024
/** The largest body of a request that carries many jobs. */
export const maxManyBytes = 64 * 1024 * 1024

/** Throws `PAYLOAD_TOO_LARGE`, and `BAD_REQUEST` where the body is cut off. */
export async function readText(request: Request, maxBytes: number): Promise<string> {
  const told = request.headers.get('content-length')
  // the server hands over just as many bytes as were told; and reads them quicker whole than as a stream
  const isTold = told !== null && !request.headers.has('transfer-encoding')
  if (isTold && Number(told) > maxBytes) throw tooLarge(maxBytes)
  try {
    return isTold ? await request.text() : await readChunks(request, maxBytes)
  } catch (error) {
    if (error instanceof ErrandError) throw error
    throw new ErrandError('BAD_REQUEST', 'The body ended before it was whole.', { cause: error })
  }
}

async function readChunks({ body }: Request, maxBytes: number): Promise<string> {
  if (body === null) return ''
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  for (let bytes = 0; ;) {
    const { done, value } = await reader.read()
    if (done) break
    bytes += value.byteLength
    if (bytes > maxBytes) {
      void reader.cancel().catch(() => {})
      throw tooLarge(maxBytes)
    }
    chunks.push(value)
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}

const tooLarge = (maxBytes: number): ErrandError =>
  new ErrandError(
    'PAYLOAD_TOO_LARGE',
    `The body is larger than ${maxBytes} bytes. Store large data elsewhere and send its address.`,
    { details: { maxBytes } },
  )
