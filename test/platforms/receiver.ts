/** A coordinator as functions see it: takes posted receipts. And an API that is asked too much. */
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface Receiver extends AsyncDisposable {
  url: string
  /** An API that answers 429 with `Retry-After: 7`. */
  busyApi: string
  /** The receipt that is, or will be, posted for a job. */
  posted(jobId: string): Promise<unknown>
}

export async function startReceiver(): Promise<Receiver> {
  const receipts = new Map<string, PromiseWithResolvers<unknown>>()
  const receiptOf = (jobId: string) => {
    const known = receipts.get(jobId) ?? withResolvers()
    receipts.set(jobId, known)
    return known
  }
  const server = createServer((request, response) => {
    const jobId = /^\/job\/([^/]+)\/receipt\?token=t$/.exec(request.url ?? '')?.[1]
    if (request.url === '/busy') return void response.writeHead(429, { 'retry-after': '7' }).end()
    if (jobId === undefined) return void response.writeHead(404).end()
    const take = async () => {
      receiptOf(jobId).resolve(JSON.parse(await text(request)))
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    }
    void take()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    busyApi: `${url}/busy`,
    posted: (jobId) => receiptOf(jobId).promise,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

interface PromiseWithResolvers<T> {
  promise: Promise<T>
  resolve(value: T): void
}

function withResolvers(): PromiseWithResolvers<unknown> {
  let resolve!: (value: unknown) => void
  const promise = new Promise((settle) => (resolve = settle))
  return { promise, resolve }
}
