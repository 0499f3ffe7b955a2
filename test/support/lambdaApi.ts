/** Lambda's Invoke, as its REST API says it: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export type Reply =
  /** What the function returned. */
  | { payload: unknown }
  /** It threw, ran out of time, or could not be loaded. */
  | { functionError: { errorType?: string; errorMessage?: string } }
  /** Lambda itself refuses. */
  | { status: number; type: string; retryAfter?: string }

export interface Invocation {
  name: string
  headers: IncomingHttpHeaders
  event: unknown
  /** Resolves when the connection is closed, or the answer sent. */
  gone: Promise<unknown>
}

export async function startLambdaApi(run: (invocation: Invocation) => Reply | Promise<Reply>) {
  const seen: Invocation[] = []
  const server = createServer((request, response) => {
    const answer = async () => {
      const [, name] = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(request.url!) ?? []
      if (request.method !== 'POST' || name === undefined) return void response.writeHead(404).end()
      const event = JSON.parse(await text(request)) as unknown
      const invocation = {
        name: decodeURIComponent(name),
        headers: request.headers,
        event,
        gone: once(response, 'close'),
      }
      seen.push(invocation)
      const reply = await run(invocation)
      if ('payload' in reply) {
        response.writeHead(200, { 'x-amz-executed-version': '$LATEST' }).end(JSON.stringify(reply.payload))
      } else if ('functionError' in reply) {
        response.writeHead(200, { 'x-amz-function-error': 'Unhandled' }).end(JSON.stringify(reply.functionError))
      } else {
        const { status, type, retryAfter } = reply
        response
          .writeHead(status, { 'x-amzn-errortype': type, ...(retryAfter && { 'retry-after': retryAfter }) })
          .end(JSON.stringify({ Type: 'User', Message: 'arn:aws:iam::123456789012:role/secret' }))
      }
    }
    void answer()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    seen,
    /** What the SDK's client is to be given. */
    client: {
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
