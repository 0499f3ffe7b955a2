/** Calls a function over HTTP and reads what it says. The only thing it decides is what kind of answer came. */
import { lookup } from 'node:dns'
import { Agent, type Dispatcher } from 'undici'
import { z, type ZodError } from 'zod'
import { gather, utf8 } from '../../core/payload/gather.js'
import { parseJson } from '../../core/payload/parseJson.js'
import { maxResultBytes } from '../../core/payload/resultSize.js'
import { addressRefused, guardedConnector, type MayBePrivate } from './addressGuard.js'
import { attemptResult, attemptResults, type ParsedAttemptResult } from '../../core/requests/attemptResult.js'
import { heavyJsonProblem } from '../../core/payload/jsonWeight.js'
import { maxAnswerBytes } from '../../core/functions/limits.js'
import { withoutLargeResult } from './resultSize.js'
import type { Call, Answer, Invoke } from '../deps.js'

export interface Invoker {
  invoke: Invoke
  close(): Promise<void>
}

export interface HttpInvokerOptions {
  /** At most so many to each host. */
  connections: number
  /** Which hosts may be on a network that is not public. Default: all. */
  mayBePrivate?: MayBePrivate
  /** Default: the machine's. */
  resolve?: typeof lookup
}

export function createHttpInvoker(options: HttpInvokerOptions): Invoker {
  const { connections, mayBePrivate = () => true, resolve = lookup } = options
  // deadlines are the caller's; undici's own limits would only come on top
  const agent = new Agent({
    connections,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: guardedConnector({ mayBePrivate, resolve, timeoutMs: 10_000 }),
  })
  const addresses = createAddresses()
  return {
    invoke: (call) => invoke(agent, call, addresses(call.url)),
    close: () => agent.destroy(),
  }
}

/**
 * By undici's `dispatch`, at half the cost of its `request`, which makes a stream of each body and a signal's listener
 * of each call.
 */
function invoke(dispatcher: Dispatcher, call: Call, { origin, path }: Address): Promise<Answer> {
  return new Promise((resolve) => {
    const { url, headers, body } = call
    const handler = new AnswerHandler(url, resolve)
    const options = {
      origin,
      path,
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    } as const
    try {
      dispatcher.dispatch(options, handler)
      call.onAbort(() => handler.abort())
    } catch (error) {
      handler.fail(error)
    }
  })
}

/** Gathers the answer of one call. The first of these counts: the answer, a failure, or the end by `abort`. */
class AnswerHandler implements Dispatcher.DispatchHandler {
  #url: string
  #resolve: (answer: Answer) => void
  #controller: Dispatcher.DispatchController | undefined
  #aborted = false
  #status = 0
  #retryAfter: string | string[] | undefined
  #body = gather(maxAnswerBytes)

  constructor(url: string, resolve: (answer: Answer) => void) {
    this.#url = url
    this.#resolve = resolve
  }

  abort(): void {
    this.#aborted = true
    this.#resolve({ kind: 'aborted' })
    this.#controller?.abort(new Error('aborted'))
  }

  fail(error: unknown): void {
    const sent = this.#controller ? { mayRun: true as const } : {}
    this.#resolve({ kind: 'failed', ...connectionFailure(this.#url, error), ...sent })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // it waited for a connection until now
    if (this.#aborted) controller.abort(new Error('aborted'))
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#status = status
    this.#retryAfter = headers['retry-after']
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#body.add(chunk)) return
    this.#resolve(readAnswer(this.#status, this.#retryAfter, undefined))
    controller.abort(new Error('too large'))
  }

  onResponseEnd(): void {
    this.#resolve(readAnswer(this.#status, this.#retryAfter, utf8(this.#body.bytes())))
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error)
  }
}

interface Address {
  origin: string
  path: string
}

/** There are as many addresses as workers, and each is taken apart once. */
function createAddresses(): (url: string) => Address {
  const known = new Map<string, Address>()
  return (url) => {
    let address = known.get(url)
    if (!address) {
      const { origin, pathname, search } = new URL(url)
      address = { origin, path: `${pathname}${search}` }
      known.set(url, address)
    }
    return address
  }
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
  return bounded(readBody(text), text)
}

/** Thousands of shorter answers may wait to be written. */
const smallLength = 4_096

/**
 * Most answers are too short to hold a large result, so nothing is counted then. UTF-8 takes at most three bytes for
 * each unit.
 */
function bounded(answer: Answer, text: string): Answer {
  const size = text.length
  if (size <= smallLength || (answer.kind !== 'receipt' && answer.kind !== 'receipts')) return answer
  if (size * 3 <= maxResultBytes) return { ...answer, size }
  return answer.kind === 'receipt'
    ? { kind: 'receipt', receipt: withoutLargeResult(answer.receipt), size }
    : { kind: 'receipts', receipts: answer.receipts.map((receipt) => withoutLargeResult(receipt)), size }
}

function readBody(text: string): Answer {
  const tooHeavy = heavyJsonProblem(text)
  if (tooHeavy !== undefined) {
    return { kind: 'failed', code: 'BAD_RECEIPT', message: `The function's answer cannot be read. ${tooHeavy}` }
  }
  const body = parseJson(text)
  if (isPlainSuccess(body)) return { kind: 'receipt', receipt: body }
  if (isObject(body) && 'receipts' in body) return readReceipts(body)
  const receipt = attemptResult.safeParse(body)
  if (receipt.success) return { kind: 'receipt', receipt: receipt.data }
  return {
    kind: 'failed',
    code: 'BAD_RECEIPT',
    message: `The function answered 200 without a receipt (${text === '' ? 'an empty body' : describeIssues(receipt.error)}). It answers 200 with { status: 'success', result? } or { status: 'failure', error }, or 202.`,
  }
}

function readReceipts(body: object): Answer {
  const { receipts } = body as { receipts: unknown }
  if (Array.isArray(receipts) && receipts.every(isPlainSuccess)) return { kind: 'receipts', receipts }
  const parsed = attemptResults.safeParse(body)
  if (parsed.success) return { kind: 'receipts', receipts: parsed.data.receipts }
  return {
    kind: 'failed',
    code: 'BAD_RECEIPT',
    message: `The function answered 200 with receipts that cannot be read (${describeIssues(parsed.error)}).`,
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** A success with its result and nothing else, as nearly all are: the schema would say the same, ten times slower. */
function isPlainSuccess(body: unknown): body is ParsedAttemptResult & { status: 'success' } {
  if (!isObject(body) || (body as { status?: unknown }).status !== 'success') return false
  for (const field in body) if (field !== 'status' && field !== 'result') return false
  return true
}

/** How Errand's own runtime says why it did not run a call. The rest of an error page stays out. */
const refusal = z.object({ error: z.object({ code: z.string(), message: z.string().max(1_000) }) })

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
  const { code } = error as { code?: unknown }
  if (code === addressRefused) {
    return {
      code,
      message: `The function was not called: ${new URL(url).hostname} is not at a public address. Call it by one that is, or set ERRAND_PRIVATE_FUNCTIONS to allow where functions may be on a private network.`,
    }
  }
  const reason = typeof code === 'string' ? code : 'the connection failed'
  return {
    code: 'UNREACHABLE',
    message: `The function could not be called at ${new URL(url).origin} (${reason}). Is it deployed, and is its deployment, or ERRAND_FUNCTIONS_URL, right?`,
  }
}
