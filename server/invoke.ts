/** Calls a function over HTTP and reads what it says. The only thing it decides is what kind of answer came. */
import { Agent, request, type Dispatcher } from 'undici'
import { z, type ZodError } from 'zod'
import { receiptBody, type ParsedReceiptBody } from '../core/wire.js'

export interface Call {
  url: string
  headers: Record<string, string>
  body: string
  /** Aborts the call at the attempt's deadline, and when the coordinator breaks it off. */
  signal: AbortSignal
}

export type Answer =
  | { kind: 'receipt'; receipt: ParsedReceiptBody }
  /** The function will post its receipt. */
  | { kind: 'accepted' }
  /** `signal` aborted before the answer was read. */
  | { kind: 'aborted' }
  | { kind: 'failed'; code: string; message: string; retryAfterMs?: number }

export type Invoke = (call: Call) => Promise<Answer>

/** A larger answer is cut off and counts as a failure. */
export const maxAnswerBytes = 4 * 1024 * 1024

export interface Invoker {
  invoke: Invoke
  close(): Promise<void>
}

export function createHttpInvoker({ connections }: { connections: number }): Invoker {
  // deadlines are the caller's; undici's own limits would only come on top
  const agent = new Agent({
    connections,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: 10_000 },
  })
  return {
    invoke: (call) => invoke(agent, call),
    close: () => agent.destroy(),
  }
}

async function invoke(dispatcher: Dispatcher, { url, headers, body, signal }: Call): Promise<Answer> {
  try {
    const response = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      signal,
      dispatcher,
    })
    const text = await readCapped(response.body)
    return readAnswer(response.statusCode, response.headers['retry-after'], text)
  } catch (error) {
    return signal.aborted ? { kind: 'aborted' } : { kind: 'failed', ...connectionFailure(url, error) }
  }
}

/** The body, or `undefined` where it is larger than allowed. */
async function readCapped(body: Dispatcher.ResponseData['body']): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxAnswerBytes) return undefined // leaving the loop destroys the body
    chunks.push(chunk)
  }
  return (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString('utf8')
}

export function readAnswer(
  status: number,
  retryAfter: string | string[] | undefined,
  text: string | undefined,
): Answer {
  if (status === 202) return { kind: 'accepted' }
  if (status !== 200) return { kind: 'failed', ...httpFailure(status, retryAfter, text) }
  if (text === undefined) {
    return {
      kind: 'failed',
      code: 'ANSWER_TOO_LARGE',
      message: 'The function answered with more than 4 MiB. Store large results elsewhere and return their address.',
    }
  }
  const receipt = receiptBody.safeParse(parseJson(text))
  if (receipt.success) return { kind: 'receipt', receipt: receipt.data }
  return {
    kind: 'failed',
    code: 'BAD_RECEIPT',
    message: `The function answered 200 without a receipt (${text === '' ? 'an empty body' : describeIssues(receipt.error)}). It answers 200 with { status: 'success', result? } or { status: 'failure', error }, or 202.`,
  }
}

/** How Errand's own runtime says why it did not run a call. Whatever else stands in an error page stays out. */
const refusal = z.object({ error: z.object({ code: z.string(), message: z.string().max(1_000) }) })

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Paths and rules only; the values stay out of it. */
const describeIssues = (error: ZodError): string =>
  error.issues[0] === undefined || error.issues[0].path.length === 0
    ? 'not a receipt in JSON'
    : `${error.issues[0].path.join('.')}: ${error.issues[0].message}`

function httpFailure(status: number, retryAfter: string | string[] | undefined, text: string | undefined) {
  const reason = refusal.safeParse(parseJson(text ?? ''))
  const hint = reason.success ? ` ${reason.data.error.message}` : ''
  const failure = { code: `HTTP_${status}`, message: `The function answered ${status}.${hint}` }
  const retryAfterMs = status === 429 || status === 503 ? readRetryAfter(retryAfter) : undefined
  return retryAfterMs === undefined ? failure : { ...failure, retryAfterMs }
}

/** Seconds only: a date would be by the function's clock, which is not ours. */
function readRetryAfter(header: string | string[] | undefined): number | undefined {
  const text = Array.isArray(header) ? header[0] : header
  return text !== undefined && /^\d{1,9}$/.test(text.trim()) ? Number(text) * 1_000 : undefined
}

function connectionFailure(url: string, error: unknown): { code: string; message: string } {
  const code = (error as { code?: unknown }).code
  const reason = typeof code === 'string' ? code : 'the connection failed'
  return {
    code: 'UNREACHABLE',
    message: `The function could not be called at ${new URL(url).origin} (${reason}). Is it deployed, and is ERRAND_FUNCTIONS_URL right?`,
  }
}
