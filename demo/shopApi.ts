/**
 * A shop's API with an honest rate limit: a leaky bucket for each shop. A call pours one unit in, the bucket leaks
 * `perSecond` units a second, and a call that would overflow it is answered with 429 and the whole seconds to wait. It
 * knows nothing of Errand.
 *
 *   PUT /shops/:shop/orders/:orderId
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ApiLimit {
  perSecond: number
  /** How many calls may come at once after a quiet time. */
  bucket: number
}

export interface ApiCall {
  shop: string
  order: string
  /** The caller's `user-agent`. */
  caller: string
  status: 200 | 429
  /** What a 429 told to wait, in seconds. */
  retryAfter?: number
  /** Milliseconds on a clock that never jumps. */
  at: number
}

export interface ShopApi {
  url: string
  readonly limit: ApiLimit
  calls: readonly ApiCall[]
  /** A call from somewhere else than the demo's functions. */
  call(shop: string, order: string, caller: string): ApiCall
  /** Hears of each call for the shop in the moment before it is answered. Answers with what ends that. */
  beforeCalls(shop: string, listener: () => void): () => void
  close(): Promise<void>
}

export async function startShopApi(limit: ApiLimit): Promise<ShopApi> {
  const calls: ApiCall[] = []
  const buckets = new Map<string, Bucket>()
  const listeners = new Map<string, () => void>()

  const answer = (shop: string, order: string, caller: string): ApiCall => {
    const at = performance.now()
    const bucket = buckets.get(shop) ?? { level: 0, at }
    buckets.set(shop, bucket)
    const waitSeconds = pour(bucket, limit, at)
    const call: ApiCall = { shop, order, caller, at, ...(waitSeconds > 0 ? tooMany(waitSeconds) : { status: 200 }) }
    calls.push(call)
    return call
  }

  const server = createServer((request, response) => {
    request.resume()
    const [, shop, order] = /^\/shops\/([^/]+)\/orders\/([^/]+)$/.exec(request.url ?? '') ?? []
    if (request.method !== 'PUT' || shop === undefined || order === undefined) {
      response.writeHead(404).end()
      return
    }
    const name = decodeURIComponent(shop)
    listeners.get(name)?.()
    const { status, retryAfter } = answer(name, order, callerOf(request))
    if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter)
    response.writeHead(status).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    limit,
    calls,
    call: answer,
    beforeCalls(shop, listener) {
      listeners.set(shop, listener)
      return () => void listeners.delete(shop)
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Bucket {
  level: number
  /** When `level` was true. */
  at: number
}

/**
 * Pours one call in and answers with 0; or leaves the bucket as it is and answers with the seconds until there is room.
 */
function pour(bucket: Bucket, { perSecond, bucket: size }: ApiLimit, at: number): number {
  bucket.level = Math.max(0, bucket.level - ((at - bucket.at) / 1_000) * perSecond)
  bucket.at = at
  const overflow = bucket.level + 1 - size
  if (overflow > 0) return overflow / perSecond
  bucket.level++
  return 0
}

/** The header has whole seconds; rounded down they would be too few. */
const tooMany = (waitSeconds: number) => ({ status: 429, retryAfter: Math.ceil(waitSeconds) }) as const

const callerOf = (request: IncomingMessage): string => request.headers['user-agent'] ?? ''
