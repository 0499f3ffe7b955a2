/** Runs the example of an invoker in docs/deploy.md: the very text, on a socket. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { transform } from 'esbuild'
import * as undici from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../core/index.js'
import { wrap } from '../../runtime/index.js'
import * as server from '../../server/index.js'
import { makeProject } from '../cli/support.js'
import { manualClock } from '../support/clock.js'
import { testErrand, testKey, type TestErrandOptions } from '../support/errand.js'
import { repository } from '../support/repository.js'

const markdown = await readFile(join(repository, 'docs/deploy.md'), 'utf8')
const example = /^```ts invoker\n(.*?)^```$/ms.exec(markdown)?.[1] ?? ''

const options = { retry: { attempts: 1 }, timeout: '30s' } as const
const workers = {
  'mail.send': defineJob({ ...options, args: z.object({ to: z.string() }), run: ({ to }) => ({ to }) }),
  stuck: defineJob({ ...options, args: z.object({}), run: () => new Promise<null>(() => {}) }),
}

const AsyncFunction = (async () => {}).constructor as new (
  ...code: string[]
) => (...given: unknown[]) => Promise<object>

/** What the example gives to `createCoordinator`. */
async function runExample(socketPath: string): Promise<Partial<TestErrandOptions>> {
  const { code } = await transform(example, { loader: 'ts', target: 'es2023', format: 'esm' })
  const body = code.replaceAll(/^import (\{.*?\}) from "(.*?)";$/gm, 'const $1 = modules["$2"];')
  const run = new AsyncFunction('modules', 'socketPath', 'options', `${body}\nreturn coordinator`)
  const modules = { undici, 'errand/server': { ...server, createCoordinator: (given: object) => given } }
  return run(modules, socketPath, {})
}

describe('the invoker of docs/deploy.md', () => {
  const clock = manualClock()
  let folder: string
  let socketPath: string
  let host: Server
  let arrived: () => void

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'errand-socket-'))
    socketPath = join(folder, 'functions.sock')
    host = createServer((request, response) => {
      const answer = async () => {
        const name = request.url!.slice(1).replaceAll('/', '.') as keyof typeof workers
        const handler = wrap(workers[name], { worker: name, keys: [testKey], clock })
        const headers = request.headers as Record<string, string>
        const body = await buffer(request)
        arrived?.()
        const said = await handler.fetch(new Request('http://functions', { method: 'POST', headers, body }))
        response.writeHead(said.status).end(await said.text())
      }
      void answer()
    }).listen(socketPath)
    await once(host, 'listening')
  })
  afterAll(async () => {
    host.closeAllConnections()
    host.close()
    await rm(folder, { recursive: true })
  })

  const open = async (path = socketPath) =>
    testErrand(workers, { clock, ...(await runExample(path)), invoke: undefined } as object)

  it('calls functions, and brings their receipts back', async () => {
    await using errand = await open()
    const id = await errand.enqueue('mail.send', { to: 'ada@example.org' })
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(id)).toMatchObject({
      state: 'succeeded',
      receipts: [{ result: { to: 'ada@example.org' } }],
    })
  })

  it('is broken off at the deadline', async () => {
    const called = new Promise<void>((resolve) => (arrived = resolve))
    await using errand = await open()
    const id = await errand.enqueue('stuck')
    await called
    await errand.clock.advance('30s')
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(id)).toMatchObject({ state: 'failed', receipts: [{ error: { code: 'TIMEOUT' } }] })
  })

  it('says that nobody answers', async () => {
    await using errand = await open(join(folder, 'none.sock'))
    const id = await errand.enqueue('mail.send', { to: '' })
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(id)).toMatchObject({
      receipts: [{ error: { code: 'UNREACHABLE', message: 'Nobody answers on the socket of the functions.' } }],
    })
  })

  it('compiles', async () => {
    const given = `declare const socketPath: string
declare const options: Omit<import('errand/server').CoordinatorOptions, 'functionsUrl' | 'invokers'>
`
    await using project = await makeProject({
      'invoker.ts': `${example}${given}export { coordinator }\n`,
      'tsconfig.json': JSON.stringify({
        extends: join(repository, 'tsconfig.json'),
        compilerOptions: {
          typeRoots: ['node_modules/@types'],
          paths: { 'errand/server': [join(repository, 'server/index.ts')] },
        },
        include: ['invoker.ts'],
      }),
    })
    const compiler = join(repository, 'node_modules/typescript/bin/tsc')
    const complaints = await promisify(execFile)(process.execPath, [compiler, '-p', '.'], { cwd: project.root }).then(
      ({ stdout }) => stdout,
      ({ stdout }: { stdout: string }) => stdout,
    )
    expect(complaints).toBe('')
  })
})
