/**
 * Stands in for @vercel/node: imports the handler that VERCEL_DEV_ENTRYPOINT names, gives it each request as a Request with Vercel's request context
 * around it, and tells its port to the parent.
 */
import { createServer } from 'node:http'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'

const { default: handler } = await import(pathToFileURL(join(process.cwd(), process.env.VERCEL_DEV_ENTRYPOINT)).href)

globalThis[Symbol.for('@vercel/request-context')] = { get: () => ({ waitUntil: (work) => void work.catch(() => {}) }) }

async function answer(request, response) {
  const body = request.method === 'POST' ? await buffer(request) : undefined
  const given = await handler.fetch(
    new Request(`http://${request.headers.host}${request.url}`, {
      method: request.method,
      headers: request.headers,
      body,
    }),
  )
  response.writeHead(given.status, Object.fromEntries(given.headers)).end(Buffer.from(await given.arrayBuffer()))
}

const server = createServer((request, response) => void answer(request, response))
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
