import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Snooze, type JobContext } from 'errand'
import { onTestFinished, vi } from 'vitest'

/** What `run` is given, as for the first attempt of a job; `abort` is its deadline. */
export function attemptOf(job: { jobId?: string; attempt?: number } = {}) {
  const deadline = new AbortController()
  const progress = vi.fn<JobContext['progress']>()
  const log = vi.fn<JobContext['log']>()
  const context: JobContext = {
    jobId: 'job-1',
    worker: 'a.worker',
    attempt: 1,
    maxAttempts: 5,
    deadline: new Date('2030-01-01T00:00:30Z'),
    signal: deadline.signal,
    heartbeat: async () => {},
    progress,
    log,
    enqueue: () => Promise.reject(new Error('there is no coordinator in this test')),
    snooze(delay) {
      throw new Snooze(delay)
    },
    ...job,
  }
  return { context, progress, log, abort: () => deadline.abort(new Error('the deadline has passed')) }
}

/** Settings for this test only. `undefined` takes one away. */
export function giveSettings(settings: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value)
  onTestFinished(() => void vi.unstubAllEnvs())
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'errand-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Serves on a free port until the test is over. */
export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** An API that answers every request alike, and keeps what it was asked. */
export async function startApi(status: number, headers: Record<string, string> = {}) {
  const requests: { method: string; path: string; body: string }[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    requests.push({ method: request.method!, path: request.url!, body: await text(request) })
    response.writeHead(status, headers).end('{}')
  }
  const url = await serve((request, response) => void answer(request, response))
  return { url, requests }
}

/** What the work failed with. */
export async function errorOf(work: unknown): Promise<Error> {
  try {
    await work
  } catch (error) {
    return error as Error
  }
  throw new Error('expected a failure')
}
