/**
 * HTTP without a queue: an endpoint that answers at once, and a caller. Peers' handlers call it in W7; raw round trips
 * are measured with both.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent, request } from 'undici'
import { payload, type Payload } from './producer.js'
import { timed } from './time.js'

export async function httpEndpoint(_init: object) {
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      JSON.parse(body)
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end('{"ok":true}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    ready: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/fn` },
    commands: {},
    async close() {
      server.closeAllConnections()
    },
  }
}

/** The fastest caller that Node has: undici's own `request`, with connections that stay open. */
export function createCaller(url: string, connections: number) {
  const dispatcher = new Agent({ connections, keepAliveTimeout: 30_000 })
  return async (job: Payload): Promise<void> => {
    const body = JSON.stringify(job)
    const headers = { 'content-type': 'application/json' }
    const response = await request(url, { method: 'POST', dispatcher, headers, body })
    await response.body.json()
    if (response.statusCode !== 200) throw new Error(`the endpoint answered ${response.statusCode}`)
  }
}

export async function httpCaller({ url }: { url: string }) {
  return {
    commands: {
      callMany: ({ count, callers }: { count: number; callers: number }) => {
        const call = createCaller(url, callers)
        let next = 0
        const caller = async () => {
          while (next < count) await call(payload(next++))
        }
        return timed(() => Promise.all(Array.from({ length: callers }, caller)))
      },
    },
  }
}
