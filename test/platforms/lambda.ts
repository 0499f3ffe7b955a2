/**
 * The Lambda target: each zip unpacked and run by AWS's own Node runtime (aws-lambda-ric) where it is installed, else
 * by a bootstrap like it, against a Runtime API that speaks as Lambda's does.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
import { unzipSync } from 'fflate'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { LambdaAnswer, LambdaEvent } from '../../runtime/lambda.js'
import type { Answer, Platform, Running } from './platform.js'
import { disposeAll, run } from './process.js'
import { vendored } from './vendored.js'
import { boomPlace, workerNames } from './workers.js'

const ric = vendored('aws-lambda-ric/index.mjs')
const bootstrap = join(import.meta.dirname, 'lambdaBootstrap.mjs')
const by = ric ? 'aws-lambda-ric' : 'a bootstrap by the Runtime API'

export const lambdaUrl: Platform = lambda(`aws-lambda, Function URL (${by})`, (headers, body) => ({
  version: '2.0',
  rawPath: '/',
  headers: { 'content-type': 'application/json', ...headers },
  requestContext: { http: { method: 'POST', path: '/' } },
  body,
  isBase64Encoded: false,
}))

/** What the caller passes as the payload of `lambda invoke`. */
export const lambdaDirect: Platform = lambda(`aws-lambda, direct Invoke (${by})`, (headers, body) => ({
  headers,
  body,
}))

type EventOf = (headers: Record<string, string>, body: string) => LambdaEvent & Record<string, unknown>

function lambda(name: string, eventOf: EventOf): Platform {
  return {
    name,
    target: 'aws-lambda',
    place: boomPlace,
    async start(dir, keys): Promise<Running> {
      const { workers } = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8')) as {
        workers: Record<string, { function: string }>
      }
      const started = await Promise.all(
        workerNames.map(async (worker) => {
          const folder = await unpack(join(dir, workers[worker]!.function))
          return [worker, await startFunction(folder, { ERRAND_SIGNING_KEYS: keys })] as const
        }),
      )
      const functions = new Map(started)
      return {
        async call(worker, headers, body): Promise<Answer> {
          const answer = (await functions.get(worker)!.invoke(eventOf(headers, body))) as LambdaAnswer
          return { status: answer.statusCode, retryAfter: answer.headers['retry-after'], text: answer.body }
        },
        [Symbol.asyncDispose]: () => disposeAll(started.map(([, one]) => one)),
      }
    },
  }
}

/** Into a folder beside it. */
export async function unpack(zip: string): Promise<string> {
  const folder = zip.replace(/\.zip$/, '')
  await mkdir(folder, { recursive: true })
  for (const [path, bytes] of Object.entries(unzipSync(await readFile(zip)))) await writeFile(join(folder, path), bytes)
  return folder
}

/** One execution environment: takes one event at a time. */
export async function startFunction(folder: string, settings: Record<string, string>) {
  const api = await startRuntimeApi()
  const [command, ...args] = ric
    ? ['--require', join(import.meta.dirname, 'rapidClient.cjs'), ric, 'index.handler']
    : [bootstrap, 'index.handler']
  const program = run(process.execPath, [command, ...args], {
    cwd: folder,
    env: {
      AWS_LAMBDA_RUNTIME_API: api.address,
      LAMBDA_TASK_ROOT: folder,
      _HANDLER: 'index.handler',
      AWS_LAMBDA_FUNCTION_NAME: 'test',
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
      AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/test',
      AWS_LAMBDA_LOG_STREAM_NAME: 'test',
      ...settings,
    },
  })
  return {
    invoke: (event: unknown): Promise<unknown> =>
      Promise.race([
        api.invoke(event),
        // ends only where it fails to start
        program.line(/^(?!)/) as Promise<never>,
      ]),
    [Symbol.asyncDispose]: () => disposeAll([program, api]),
  }
}

async function startRuntimeApi() {
  const events: unknown[] = []
  const idle: ServerResponse[] = []
  const waiting = new Map<string, { resolve(value: unknown): void; reject(error: Error): void }>()
  let count = 0

  const hand = () => {
    while (events.length > 0 && idle.length > 0) {
      const { id, event } = events.shift() as { id: string; event: unknown }
      idle
        .shift()!
        .writeHead(200, {
          'content-type': 'application/json',
          'lambda-runtime-aws-request-id': id,
          'lambda-runtime-deadline-ms': String(Date.now() + 900_000),
          'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:eu-central-1:123456789012:function:test',
          'lambda-runtime-trace-id': 'Root=1-00000000-000000000000000000000000;Sampled=0',
        })
        .end(JSON.stringify(event))
    }
  }

  const server = createServer((request, response) => {
    const [, id, kind] = /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/.exec(request.url!) ?? []
    if (request.url === '/2018-06-01/runtime/invocation/next') {
      idle.push(response)
      return hand()
    }
    const take = async () => {
      const body = await text(request)
      response.writeHead(202, { 'content-type': 'application/json' }).end('{"status":"OK"}')
      const waiter = waiting.get(id ?? '')
      if (kind === 'response') waiter?.resolve(JSON.parse(body))
      else for (const one of waiter ? [waiter] : waiting.values()) one.reject(new Error(body))
    }
    void take()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    invoke: (event: unknown) =>
      new Promise<unknown>((resolve, reject) => {
        const id = `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`
        waiting.set(id, { resolve, reject })
        events.push({ id, event })
        hand()
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
