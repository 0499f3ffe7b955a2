/** Answers that are no receipts: nothing ran. */
import { wireHeaders } from '../core/wireVersion.js'

export interface Refusal {
  status: 400 | 401 | 404 | 405 | 413 | 500 | 503
  code:
    | 'BAD_REQUEST'
    | 'WIRE_VERSION'
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

/** An answer as any host can send it. */
export interface Outgoing {
  status: number
  headers: Record<string, string>
  body: string | null
}

export const refusalAnswer = ({ status, code, message }: Refusal): Outgoing =>
  json(status, JSON.stringify({ error: { code, message } }), {
    ...(status === 405 ? { allow: 'POST' } : {}),
    ...(status === 503 ? { 'retry-after': '1' } : {}),
  })

export const json = (status: number, body: string, headers: Record<string, string> = {}): Outgoing => ({
  status,
  headers: { 'content-type': 'application/json', ...wireHeaders, ...headers },
  body,
})

export const toResponse = ({ status, headers, body }: Outgoing): Response => new Response(body, { status, headers })
