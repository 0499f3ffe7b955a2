/** The Node target's program: health, a graceful stop, and settings that cannot work. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { build } from '../../codegen/index.js'
import { testProject, worker, type TestProject } from '../codegen/project.js'
import { callOf, key, signedRequest } from '../runtime/support.js'
import { startGate } from './gate.js'
import { run } from './process.js'

let project: TestProject
const dir = () => join(project.root, '.errand/build/node')
beforeAll(async () => {
  project = await testProject({
    'jobs/wait.ts': worker(
      `args: z.object({ gate: z.string() }), result: z.string(), run: async ({ gate }) => (await fetch(gate)).text()`,
    ),
  })
  await build({ root: project.root, targets: ['node'] })
})
afterAll(() => project[Symbol.asyncDispose]())

const serve = (env: Record<string, string> = {}) =>
  run(process.execPath, ['server.mjs'], {
    cwd: dir(),
    env: { ERRAND_SIGNING_KEYS: key, PORT: '0', HOST: '127.0.0.1', ...env },
  })

async function call(url: string, gate: string): Promise<unknown> {
  const deadline = new Date(Date.now() + 60_000).toISOString()
  const request = await signedRequest(callOf({ worker: 'wait', args: { gate }, deadline }), { at: new Date() })
  const answer = await fetch(`${url}/wait`, { method: 'POST', headers: request.headers, body: await request.text() })
  return answer.json()
}

describe('the server', () => {
  it('tells that it is up and takes calls', async () => {
    await using program = serve()
    const [, url] = await program.line(/ready at (\S+)/)
    for (const path of ['/healthz', '/readyz']) {
      const answer = await fetch(`${url}${path}`)
      expect([answer.status, await answer.json()]).toEqual([200, { ok: true, workers: 1 }])
    }
  })

  it('lets running calls end when it is stopped, and takes no more', async () => {
    using gate = await startGate()
    await using program = serve()
    const [, url] = await program.line(/ready at (\S+)/)
    const receipt = call(url!, gate.url)
    await gate.arrival
    program.child.kill('SIGTERM')
    await program.line(/stopping/)
    await expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed')
    gate.open()
    expect(await receipt).toEqual({ status: 'success', result: 'went on' })
    expect(await program.exit).toEqual([0, null])
  })

  it('cuts calls that take longer than it may wait', async () => {
    using gate = await startGate()
    await using program = serve({ ERRAND_DRAIN: '10ms' })
    const [, url] = await program.line(/ready at (\S+)/)
    const receipt = call(url!, gate.url).catch((error: Error) => error.message)
    await gate.arrival
    program.child.kill('SIGTERM')
    expect(await program.exit).toEqual([0, null])
    expect(await receipt).toMatch(/fetch failed|terminated/)
  })

  it('ends at once when it is stopped twice', async () => {
    using gate = await startGate()
    await using program = serve()
    const [, url] = await program.line(/ready at (\S+)/)
    const receipt = call(url!, gate.url).catch((error: Error) => error.message)
    await gate.arrival
    program.child.kill('SIGTERM')
    await program.line(/stopping/)
    program.child.kill('SIGTERM')
    expect(await program.exit).toEqual([1, null])
    await receipt
  })

  it.each([
    ['ERRAND_SIGNING_KEYS', '', /no signing keys\. Set ERRAND_SIGNING_KEYS/],
    ['PORT', 'http', /PORT is "http", which is no port/],
    ['ERRAND_DRAIN', '30', /ERRAND_DRAIN: "30" is not a duration/],
  ])('says in one line what is wrong with %s', async (name, value, message) => {
    await using program = serve({ [name]: value })
    expect(await program.exit).toEqual([1, null])
    await program.line(message)
    expect(program.output).toHaveLength(1)
  })
})

it('comes with a Dockerfile that starts it as process 1 and looks after its health', async () => {
  const text = await readFile(join(dir(), 'Dockerfile'), 'utf8')
  expect(text).toContain('CMD ["node", "server.mjs"]')
  expect(text).toMatch(/^HEALTHCHECK .*\/healthz/m)
  expect(text).toContain('USER node')
  // the health check's own program, as Docker would run it
  const [program] = /(?<=CMD )\["node", "-e".*/.exec(text)!
  const [, ...args] = JSON.parse(program) as string[]
  await using server = serve()
  const [, port] = await server.line(/ready at \S+:(\d+)/)
  await using up = run(process.execPath, args, { cwd: dir(), env: { PORT: port! } })
  expect(await up.exit).toEqual([0, null])
  await using down = run(process.execPath, args, { cwd: dir(), env: { PORT: '9' } })
  expect(await down.exit).toEqual([1, null])
})
