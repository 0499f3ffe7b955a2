/**
 * The body of a request, for both doors: read once it is known who sends it and what they may do, up to the limit of
 * its route, whether its length was told beforehand or it comes in chunks. A body that is too large is not read on;
 * server/api/listen, which holds the socket, sees to the rest.
 */
import { ErrandError } from '../../core/errors.js'
import { gather } from '../../core/payload/gather.js'
import { heavyJsonProblem } from '../../core/payload/jsonWeight.js'

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

/** How long the body is, where its sender has told. The server hands over just as many bytes. */
export function toldBytes({ headers }: Request): number | undefined {
  const told = headers.get('content-length')
  return told === null || headers.has('transfer-encoding') ? undefined : Number(told)
}

/**
 * Throws `PAYLOAD_TOO_LARGE`, also for JSON that would take too long to parse, and `BAD_REQUEST` where the body is cut
 * off. Of a body whose length was not told, the intake hears how many bytes are here, and may throw to read no more.
 */
export async function readText(request: Request, maxBytes: number, intake?: BodyIntake): Promise<string> {
  const told = toldBytes(request)
  if (told !== undefined && told > maxBytes) throw tooLarge(maxBytes)
  let text: string
  try {
    // whole is quicker than as a stream
    text = told !== undefined ? await request.text() : await readChunks(request, maxBytes, intake?.grow)
  } catch (error) {
    if (error instanceof ErrandError) throw error
    throw new ErrandError('BAD_REQUEST', 'The body ended before it was whole.', { cause: error })
  }
  await intake?.turn(text.length)
  const problem = heavyJsonProblem(text)
  if (problem !== undefined)
    throw new ErrandError(
      'PAYLOAD_TOO_LARGE',
      `The body cannot be read. ${problem} Send less at once, or nest it less deep.`,
    )
  return text
}

async function readChunks({ body }: Request, maxBytes: number, onBytes?: (bytes: number) => void): Promise<string> {
  if (body === null) return ''
  const reader = body.getReader()
  const gathered = gather(maxBytes)
  for (let bytes = 0; ;) {
    const { done, value } = await reader.read()
    if (done) return new TextDecoder().decode(gathered.bytes())
    bytes += value.byteLength
    try {
      if (!gathered.add(value)) throw tooLarge(maxBytes)
      onBytes?.(bytes)
    } catch (error) {
      void reader.cancel().catch(() => {})
      throw error
    }
  }
}

const tooLarge = (maxBytes: number): ErrandError =>
  new ErrandError(
    'PAYLOAD_TOO_LARGE',
    `The body is larger than ${maxBytes} bytes. Store large data elsewhere and send its address.`,
    { details: { maxBytes } },
  )
