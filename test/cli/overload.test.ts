/** The command against a coordinator that is overloaded, played by a server that says what the test wants. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { errand, jsonOf } from './support.js'

const taken = (jobs: number) => ({
  status: 200,
  body: {
    result: {
      data: {
        json: {
          outcomes: Array.from({ length: jobs }, (_, n) => ({
            ok: true,
            id: `j${n}`,
            state: 'queued',
            runAt: '2030-01-01T00:00:00.000Z',
          })),
        },
      },
    },
  },
})

const overloaded = (retryAfter: number) => ({
  status: 503,
  body: {
    error: {
      json: {
        message: 'Too much waits.',
        code: -32_603,
        data: { code: 'SERVICE_UNAVAILABLE', errand: { code: 'OVERLOADED', message: 'Too much waits.', retryAfter } },
      },
    },
  },
})

type Answer = ReturnType<typeof taken> | ReturnType<typeof overloaded>

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** Gives the answers in turn, and remembers how many jobs each request brought. */
async function coordinatorThat(answers: Answer[]) {
  const sent: number[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    sent.push((JSON.parse(await bodyOf(request)) as { json: { jobs: unknown[] } }).json.jobs.length)
    const { status, body } = answers.shift()!
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(body))
  }
  const server = createServer((request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    sent,
    env: { ERRAND_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}

const lines = (count: number) => '{"worker":"tick"}\n'.repeat(count)

describe('a coordinator that is overloaded', () => {
  it('is asked again until it takes the jobs, each of them once', async () => {
    await using coordinator = await coordinatorThat([taken(10_000), overloaded(0.01), overloaded(0.01), taken(2)])
    const { env } = coordinator
    const ended = await errand(['enqueue-many', '-', '--json'], { env, input: lines(10_002) })
    expect(ended.code).toBe(0)
    expect(jsonOf(ended)).toHaveLength(10_002)
    expect(coordinator.sent).toEqual([10_000, 2, 2, 2])
  })

  it('that asks for more time than a call has is told, with the jobs that have no outcome', async () => {
    await using coordinator = await coordinatorThat([taken(10_000), overloaded(600), taken(10_000), overloaded(600)])
    const { env } = coordinator
    const ended = await errand(['enqueue-many', '-', '--json'], { env, input: lines(10_002) })
    expect({ code: ended.code, error: JSON.parse(ended.stderr) as unknown }).toMatchObject({
      code: 1,
      error: { error: { code: 'OVERLOADED' } },
    })
    const outcomes = jsonOf(ended) as { ok: boolean; error?: { code: string } }[]
    expect(outcomes.slice(9_999).map(({ ok, error }) => error?.code ?? ok)).toEqual([true, 'OVERLOADED', 'OVERLOADED'])

    const told = await errand(['enqueue-many', '-'], { env, input: lines(10_002) })
    expect(told.code).toBe(1)
    expect(told.stderr).toContain('Line 10001 and those behind it have no outcome.')
    expect(told.stderr).toContain('Too much waits.')
  })
})
