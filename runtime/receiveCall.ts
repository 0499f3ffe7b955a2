/** Turns a request into a call of this function, a ping, or a refusal: only a call runs something. */
import { gather } from '../core/payload/gather.js'
import { heavyJsonProblem } from '../core/payload/jsonWeight.js'
import { parseJson } from '../core/payload/parseJson.js'
import { maxCallBytes } from '../core/functions/limits.js'
import { isPingId, type Ping } from '../core/functions/ping.js'
import { createVerifier } from '../core/functions/signature.js'
import type { FunctionCall } from '../core/requests/wire.js'
import { wireHeader, wireProblem } from '../core/wireVersion.js'
import type { Refusal } from './refusal.js'

export type Received =
  | { ok: true; calls: [FunctionCall, ...FunctionCall[]] }
  /** The coordinator only asks whether this is the function that it takes it for. */
  | { ok: true; calls: 'ping' }
  | { ok: false; refusal: Refusal }

export type Verifier = ReturnType<typeof createVerifier>

const refuse = (status: Refusal['status'], code: Refusal['code'], message: string): Received => ({
  ok: false,
  refusal: { status, code, message },
})

/** A request as any host has it at hand. */
export interface Incoming {
  method: string
  /** The value of a header, by its name in lower case. */
  header: (name: string) => string | null | undefined
  /** The whole body, as it came; `undefined` where it was larger than `maxCallBytes`. */
  body: string | undefined
  /**
   * Calls the listener when the caller hangs up before it has its answer; at once where it did. No signal: one would
   * cost as much as the rest of a quick call.
   */
  onHangUp?: ((listener: () => void) => void) | undefined
}

export async function receiveCall(
  { header, body }: Incoming,
  worker: string,
  verify: Verifier,
  now: Date,
): Promise<Received> {
  if (body === undefined) return refuse(413, 'PAYLOAD_TOO_LARGE', `The body is larger than ${maxCallBytes} bytes.`)
  const headers = {
    id: header('webhook-id') ?? null,
    timestamp: header('webhook-timestamp') ?? null,
    signature: header('webhook-signature') ?? null,
  }
  const badSignature = await verify(headers, body, now)
  if (badSignature !== undefined) return refuse(401, 'UNAUTHORIZED', badSignature)

  const misunderstood = wireProblem(header(wireHeader), { other: 'coordinator', here: 'function' })
  if (misunderstood !== undefined) return refuse(400, 'WIRE_VERSION', misunderstood)
  const tooHeavy = heavyJsonProblem(body)
  if (tooHeavy !== undefined) return refuse(413, 'PAYLOAD_TOO_LARGE', `The body cannot be read. ${tooHeavy}`)
  const value = parseJson(body)
  const ping = isPing(value)
  const calls = ping ? [value] : readCalls(value)
  if (calls === undefined) return refuse(400, 'BAD_REQUEST', 'The body is no call of a function.')
  if (ping ? !isPingId(headers.id!, value.worker) : headers.id !== callId(calls as Calls)) {
    return refuse(400, 'BAD_REQUEST', 'The header webhook-id must name the job and the attempt of the body.')
  }
  // the signature says who calls, not whom: a request for one function must not run in another
  const other = calls.find((call) => call.worker !== worker)
  if (other) return refuse(404, 'UNKNOWN_WORKER', `This function is ${worker}; the call is for "${other.worker}".`)
  return { ok: true, calls: ping ? 'ping' : (calls as Calls) }
}

type Calls = [FunctionCall, ...FunctionCall[]]

const callId = ({ 0: { id, attempt }, length }: Calls): string =>
  `${id}.${attempt}${length === 1 ? '' : `+${length - 1}`}`

/** A `Request` as an `Incoming`: its body read once. */
export async function readRequest(request: Request): Promise<Incoming> {
  const body = request.method === 'POST' ? await readText(request, maxCallBytes) : ''
  return {
    method: request.method,
    header: (name) => request.headers.get(name),
    body,
    onHangUp(listener) {
      if (request.signal.aborted) listener()
      else request.signal.addEventListener('abort', listener, { once: true })
    },
  }
}

/** The whole body, read once, or `undefined` where it is larger than `maxBytes`. */
async function readText(request: Request, maxBytes: number): Promise<string | undefined> {
  const announced = request.headers.get('content-length')
  if (announced !== null && !request.headers.has('transfer-encoding')) {
    return Number(announced) <= maxBytes ? request.text() : undefined
  }
  if (request.body === null) return ''
  const reader = request.body.getReader()
  const body = gather(maxBytes)
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return new TextDecoder().decode(body.bytes())
    if (!body.add(value)) {
      await reader.cancel()
      return undefined
    }
  }
}

/** One call, or with `jobs` several. */
function readCalls(value: unknown): Calls | undefined {
  if (isCall(value)) return [value]
  const jobs: unknown = typeof value === 'object' && value !== null && 'jobs' in value ? value.jobs : undefined
  const isMany = Array.isArray(jobs) && jobs.length > 1 && jobs.every(isCall)
  return isMany ? (jobs as Calls) : undefined
}

const isPing = (value: unknown): value is Ping =>
  typeof value === 'object' &&
  value !== null &&
  (value as { ping?: unknown }).ping === true &&
  isText((value as Ping).worker)

/** By hand, because the schemas of core/requests/wire would bring zod into every function. */
function isCall(value: unknown): value is FunctionCall {
  if (typeof value !== 'object' || value === null) return false
  const call = value as Record<keyof FunctionCall, unknown>
  return (
    isText(call.id) &&
    isText(call.worker) &&
    isCount(call.attempt) &&
    isCount(call.maxAttempts) &&
    (call.argsVersion === undefined || isCount(call.argsVersion)) &&
    isText(call.deadline) &&
    !Number.isNaN(Date.parse(call.deadline)) &&
    isText(call.receipt) &&
    /^https?:\/\//.test(call.receipt) &&
    URL.canParse(call.receipt)
  )
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 1
