/**
 * `import … from 'errand/runtime/lambda'`: a function behind AWS Lambda's two doors, a Function URL and a direct
 * Invoke.
 *
 * Both bring the same event: headers in lower case and the body as text, because the signature is of the body's very
 * bytes. A direct Invoke passes `{ "headers": { "webhook-id": …, "webhook-timestamp": …, "webhook-signature": … },
 * "body": "…" }` and gets `{ statusCode, headers, body }`.
 */
import { maxCallBytes } from '../core/functions/limits.js'
import type { Incoming } from './receiveCall.js'
import type { FunctionHandler } from './wrap.js'

/** The part of a Function URL's event (payload format 2.0) that is read here. */
export interface LambdaEvent {
  headers?: Record<string, string | undefined>
  body?: string
  /** Whether `body` is base64, as it is where the caller did not say that it sends text. */
  isBase64Encoded?: boolean
  /** Absent in a direct Invoke, which is a POST. */
  requestContext?: { http?: { method?: string } }
}

export interface LambdaAnswer {
  statusCode: number
  headers: Record<string, string>
  body: string
}

export const createLambdaHandler =
  (job: FunctionHandler) =>
  async (event: LambdaEvent): Promise<LambdaAnswer> => {
    const posting: Promise<unknown>[] = []
    const { status, headers, body } = await job.handle(incomingOf(event), undefined, {
      waitUntil: (work) => void posting.push(work),
    })
    // Lambda freezes the function with its answer; so one that posts its receipt answers when it has
    await Promise.allSettled(posting)
    return { statusCode: status, headers, body: body ?? '' }
  }

function incomingOf({ headers = {}, body = '', isBase64Encoded = false, requestContext }: LambdaEvent): Incoming {
  const text = isBase64Encoded ? Buffer.from(body, 'base64').toString('utf8') : body
  return {
    method: requestContext?.http?.method ?? 'POST',
    header: (name) => headers[name],
    // Lambda's own limit is below ours; this holds should that be raised
    body: text.length <= maxCallBytes ? text : undefined,
  }
}
