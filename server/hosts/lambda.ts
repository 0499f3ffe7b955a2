/**
 * The coordinator behind a Function URL of AWS Lambda, woken by an EventBridge rule. The rule calls the function
 * itself, which AWS allows to no other caller, so its event needs no key; no request by the URL can look like it.
 */
import type { TickSummary } from '../../core/views/answers.gen.js'
import { ErrandError } from '../../core/errors.js'
import {
  createCoordinatorFunction,
  type CoordinatorFunction,
  type CoordinatorFunctionOptions,
} from './coordinatorFunction.js'

/** The part of a Function URL's event (payload format 2.0) that is read here. */
export interface LambdaRequest {
  rawPath: string
  rawQueryString?: string
  headers?: Record<string, string | undefined>
  body?: string
  isBase64Encoded?: boolean
  requestContext: { domainName: string; http: { method: string } }
}

/** The event that the rule sends. */
export interface LambdaTick {
  errand: 'tick'
  /** The coordinator's own address, which a function cannot know before it is asked by it. */
  url: string
}

export interface LambdaResponse {
  statusCode: number
  headers: Record<string, string>
  body: string
}

/**
 * Settings: MONGODB_URI, ERRAND_SIGNING_KEYS, ERRAND_API_KEYS, ERRAND_FUNCTIONS_URL. ERRAND_URL is the Function URL by
 * default.
 */
export function createLambdaCoordinator(options: CoordinatorFunctionOptions) {
  let coordinator: CoordinatorFunction | undefined
  const at = (url: string) => (coordinator ??= createCoordinatorFunction({ url: url.replace(/\/+$/, ''), ...options }))
  return async (event: LambdaRequest | LambdaTick): Promise<LambdaResponse | TickSummary> => {
    if ('errand' in event) return at(event.url).tick()
    const request = requestOf(event)
    // Lambda freezes the function with its answer, so there is no waitUntil: what the request brought is dispatched first
    const response = wantsStream(request) ? noStream() : await at(new URL(request.url).origin).fetch(request)
    const { status, headers } = response
    return { statusCode: status, headers: Object.fromEntries(headers), body: await response.text() }
  }
}

function requestOf({ rawPath, rawQueryString, headers = {}, body, ...event }: LambdaRequest): Request {
  const { domainName, http } = event.requestContext
  const present = Object.entries(headers).filter((header): header is [string, string] => header[1] !== undefined)
  const hasBody = body !== undefined && http.method !== 'GET' && http.method !== 'HEAD'
  return new Request(`https://${domainName}${rawPath}${rawQueryString ? `?${rawQueryString}` : ''}`, {
    method: http.method,
    headers: present,
    ...(hasBody && { body: event.isBase64Encoded ? Buffer.from(body, 'base64') : body }),
  })
}

/** A stream would be held back until it is whole; the typed client then asks by long polls. */
const wantsStream = ({ headers }: Request): boolean => /\btext\/event-stream\b/i.test(headers.get('accept') ?? '')

function noStream(): Response {
  const { code, message } = new ErrandError('UNKNOWN_ROUTE', 'There are no streams here. Ask by long polls.')
  return Response.json({ error: { code, message } }, { status: 406 })
}
