/** Answers that are no receipts: nothing ran. */

export interface Refusal {
  status: 400 | 401 | 404 | 405 | 413 | 500 | 503
  code:
    | 'BAD_REQUEST'
    | 'UNAUTHORIZED'
    | 'UNKNOWN_WORKER'
    | 'METHOD_NOT_ALLOWED'
    | 'PAYLOAD_TOO_LARGE'
    | 'CONFIG'
    | 'INTERNAL'
    | 'LOAD_FAILED'
    | 'UNAVAILABLE'
  message: string
}

export const refusalResponse = ({ status, code, message }: Refusal): Response =>
  json(status, JSON.stringify({ error: { code, message } }), {
    ...(status === 405 ? { allow: 'POST' } : {}),
    ...(status === 503 ? { 'retry-after': '1' } : {}),
  })

export const json = (status: number, body: string, headers: Record<string, string> = {}): Response =>
  new Response(body, { status, headers: { 'content-type': 'application/json', ...headers } })
