import { build } from 'esbuild'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createFunctionHost, type FunctionHost, type FunctionHostOptions } from '../../runtime/node.js'
import { bytewise, heapGrowthOf } from '../support/bytewise.js'
import { callOf, gate, key, manualClock, signedRequest, type Receipt } from './support.js'
import { repository } from '../support/repository.js'

/** What the bundles of a test and the test itself say to each other; they share the process. */
interface Shared {
  loads: string[]
  begun: () => void
  wait: Promise<void>
  signal?: AbortSignal
  told: () => void
}

function share(shared: Partial<Shared> = {}): Shared {
  const whole = { loads: [], begun: () => {}, told: () => {}, wait: Promise.resolve(), ...shared }
  ;(globalThis as { shared?: Shared }).shared = whole
  return whole
}

/** A folder as codegen leaves it, with one bundle for each worker. */
async function hostOf(bundles: Record<string, string>, options: Partial<FunctionHostOptions> = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'errand-host-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  const fileOf = (worker: string) => join(dir, 'functions', worker, 'index.mjs')
  async function write(bundles: Record<string, string>) {
    for (const [worker, text] of Object.entries(bundles)) {
      await mkdir(dirname(fileOf(worker)), { recursive: true })
      await writeFile(fileOf(worker), text)
    }
    const workers = Object.keys(bundles).map((worker) => [worker, { function: `functions/${worker}/index.mjs` }])
    await writeFile(join(dir, 'manifest.json'), JSON.stringify({ workers: Object.fromEntries(workers) as unknown }))
  }
  await write(bundles)
  const logged: string[] = []
  const host = createFunctionHost({ dir, keys: [key], log: (message) => logged.push(message), ...options })
  return { dir, host, write, logged, fileOf }
}

const post = (host: FunctionHost, path: string) =>
  host.fetch(new Request(`http://functions.test${path}`, { method: 'POST', body: '{}' }))

const answering = (text: string) => `
  shared.loads.push('${text}')
  export default { fetch: async (request, env) => new Response('${text} ' + env.ERRAND_SIGNING_KEYS) }`

const waiting = `
  export default { async fetch(request) {
    shared.signal = request.signal
    shared.begun()
    await shared.wait
    return new Response('x'.repeat(30_000_000))
  } }`

describe('a function host', () => {
  it('loads each function when it is first called, and once', async () => {
    const { loads } = share()
    const { host } = await hostOf({ 'mail.send': answering('send'), ping: answering('ping') })
    expect(loads).toEqual([])
    expect(await (await post(host, '/mail/send')).text()).toBe(`send ${key}`)
    await post(host, '/mail/send')
    expect(loads).toEqual(['send'])
    await post(host, '/ping')
    expect(loads).toEqual(['send', 'ping'])
  })

  it('imports a function once for calls that come together', async () => {
    const { loads } = share()
    const slow = `await shared.wait\n${answering('slow')}`
    const { host } = await hostOf({ slow })
    const responses = await Promise.all([post(host, '/slow'), post(host, '/slow'), post(host, '/slow')])
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(loads).toEqual(['slow'])
  })

  it.each([
    ['/mail/sned', 'Did you mean "mail.send"?'],
    ['/mail.send', 'Did you mean "mail.send"?'],
    ['/', 'No function here is for ""'],
  ])('answers 404 to %s', async (path, message) => {
    share()
    const { host } = await hostOf({ 'mail.send': answering('send') })
    const response = await post(host, path)
    expect(response.status).toBe(404)
    const { error } = (await response.json()) as { error: { code: string; message: string } }
    expect(error.code).toBe('UNKNOWN_WORKER')
    expect(error.message).toContain(message)
  })

  it('says that it is up', async () => {
    const { host } = await hostOf({ a: answering('a'), b: answering('b') })
    const response = await host.fetch(new Request('http://functions.test/healthz'))
    expect(await response.json()).toEqual({ ok: true, workers: 2 })
  })

  it('names the folder and the command when there is no manifest', () => {
    expect(() => createFunctionHost({ dir: '/nowhere', keys: [key] })).toThrow(/\/nowhere.*`errand codegen`/)
  })

  it('refuses keys that are none when it is made', async () => {
    await expect(hostOf({}, { keys: [] })).rejects.toThrow('ERRAND_SIGNING_KEYS')
    await expect(hostOf({}, { keys: ['secret'] })).rejects.toThrow('whsec_')
  })
})

describe('a function that cannot be loaded', () => {
  const broken = `
    shared.loads.push('try')
    if (shared.loads.length < 2) throw new Error('STRIPE_KEY is not set')
    export default { fetch: async () => new Response('better now') }`
  const signedCall = () => signedRequest(callOf(), { at: new Date() })

  it('answers 500 with the reason, and is tried again with the next call', async () => {
    share()
    const { host, logged } = await hostOf({ 'mail.send': broken, ping: answering('ping') })
    const response = await host.fetch(await signedCall())
    expect(response.status).toBe(500)
    expect(await response.json()).toEqual({
      error: {
        code: 'LOAD_FAILED',
        message: 'The function of mail.send cannot be loaded. Error: STRIPE_KEY is not set',
      },
    })
    expect(logged).toEqual([expect.stringMatching(/mail\.send.*STRIPE_KEY is not set\n +at .*index\.mjs/s)])
    expect((await post(host, '/ping')).status).toBe(200)
    expect(await (await host.fetch(await signedCall())).text()).toBe('better now')
  })

  it('tells the reason only to those who hold a key', async () => {
    share()
    const { host } = await hostOf({ 'mail.send': broken })
    const response = await post(host, '/mail/send')
    expect(response.status).toBe(401)
    expect(await response.text()).not.toContain('STRIPE_KEY')
  })

  it.each([
    ['is no module', 'export default {'],
    ['exports no handler', 'export default { run() {} }'],
  ])('is told apart when it %s', async (_, text) => {
    const { host } = await hostOf({ 'mail.send': text })
    const response = await host.fetch(await signedCall())
    expect(response.status).toBe(500)
    expect(await response.text()).toContain('LOAD_FAILED')
  })
})

describe('reload', () => {
  it('takes up new, changed and removed functions, and keeps the others loaded', async () => {
    const { loads } = share()
    const { host, write } = await hostOf({ same: answering('same'), edited: answering('v1'), old: answering('old') })
    for (const path of ['/same', '/edited', '/old']) await post(host, path)
    await write({ same: answering('same'), edited: answering('v2'), new: answering('new') })
    host.reload()
    expect(await (await post(host, '/edited')).text()).toContain('v2')
    expect((await post(host, '/new')).status).toBe(200)
    expect((await post(host, '/old')).status).toBe(404)
    await post(host, '/same')
    expect(loads).toEqual(['same', 'v1', 'old', 'v2', 'new'])
  })

  it('alone brings a changed function in, so that a half written one is never run', async () => {
    share()
    const { host, write } = await hostOf({ edited: answering('v1') })
    await post(host, '/edited')
    await write({ edited: answering('v2') })
    expect(await (await post(host, '/edited')).text()).toContain('v1')
  })

  it('keeps what it had when the manifest cannot be read', async () => {
    share()
    const { host, dir } = await hostOf({ a: answering('a') })
    await writeFile(join(dir, 'manifest.json'), '{"workers":')
    expect(() => host.reload()).toThrow(/manifest\.json cannot be read/)
    expect((await post(host, '/a')).status).toBe(200)
  })
})

describe('on a port', () => {
  async function listening(bundles: Record<string, string>, options: Partial<FunctionHostOptions> = {}) {
    const { host } = await hostOf(bundles, options)
    const server = await host.listen({ port: 0 })
    onTestFinished(() => server.close())
    return server
  }
  const call = (url: string, signal?: AbortSignal) =>
    fetch(`${url}/slow`, { method: 'POST', body: '{}', ...(signal ? { signal } : {}) })

  it('serves on loopback by default', async () => {
    const { url } = await listening({})
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ ok: true, workers: 0 })
  })

  it('keeps of a call that comes byte by byte its bytes and no more', async () => {
    share()
    const { url } = await listening({
      slow: `export default { fetch: async (request) => new Response((await request.text()).length) }`,
    })
    const { port } = new URL(url)
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(
      'POST /slow HTTP/1.1\r\nhost: functions.test\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n',
    )
    socket.write(bytewise('x'.repeat(1_000_000)))
    const answer = text(socket)
    expect(await heapGrowthOf(answer)).toBeLessThan(60_000_000)
    expect(await answer).toMatch(/^HTTP\/1.1 200 [^]*1000000/)
  })

  it('names the setting when the port is taken', async () => {
    const { url } = await listening({})
    const { host } = await hostOf({})
    await expect(host.listen({ port: Number(new URL(url).port) })).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(/another process listens there.*ERRAND_FUNCTIONS_PORT/) as string,
    })
  })

  it('waits for running calls when it closes, and takes no new ones', async () => {
    const [begun, finish, clock] = [gate(), gate(), manualClock()]
    share({ begun: begun.open, wait: finish.opened })
    const { url, close } = await listening({ slow: waiting }, { clock })
    const answer = call(url)
    await begun.opened
    const closing = close()
    await clock.untilSleeping((ms) => ms === 30_000)
    await expect(call(url)).rejects.toThrow('fetch failed')
    clock.advance(29_999)
    finish.open()
    expect(await (await answer).text()).toHaveLength(30_000_000)
    await closing
    await close()
  })

  it('waits for work that goes on after the answer', async () => {
    const [finish, clock] = [gate(), manualClock()]
    share({ wait: finish.opened })
    const { url, close } = await listening(
      {
        slow: `export default { async fetch(request, env, platform) {
          platform.waitUntil(shared.wait)
          return new Response(null, { status: 202 })
        } }`,
      },
      { clock },
    )
    expect((await call(url)).status).toBe(202)
    const closed = vi.fn<() => void>()
    const closing = close().then(closed)
    await clock.untilSleeping((ms) => ms === 30_000)
    await expect(call(url)).rejects.toThrow('fetch failed')
    expect(closed).not.toHaveBeenCalled()
    finish.open()
    await closing
  })

  it('tells work that goes on after the answer when the limit is over', async () => {
    const [told, clock] = [gate(), manualClock()]
    share({ told: told.open })
    const { url, close } = await listening(
      {
        slow: `export default { async fetch(request, env, platform) {
          platform.waitUntil(new Promise((resolve) => platform.signal.addEventListener('abort', resolve)).then(shared.told))
          return new Response(null, { status: 202 })
        } }`,
      },
      { clock },
    )
    expect((await call(url)).status).toBe(202)
    const closing = close()
    await clock.untilSleeping((ms) => ms === 30_000)
    clock.advance(30_000)
    await told.opened
    await closing
  })

  it('cuts calls that run longer than the limit', async () => {
    const begun = gate()
    share({ begun: begun.open, wait: new Promise(() => {}) })
    const { url, close } = await listening(
      { slow: waiting },
      { clock: { now: () => new Date(), sleep: () => Promise.resolve(), alarm: () => () => {} } },
    )
    const answer = call(url).catch((error: unknown) => String(error))
    await begun.opened
    await close()
    expect(await answer).toBe('TypeError: fetch failed')
  })

  it('tells a function that its caller has hung up', async () => {
    const [begun, finish] = [gate(), gate()]
    const shared = share({ begun: begun.open, wait: finish.opened })
    const { url } = await listening({ slow: waiting })
    const caller = new AbortController()
    const answer = call(url, caller.signal).catch(() => 'hung up')
    await begun.opened
    const told = new Promise((resolve) => shared.signal!.addEventListener('abort', resolve))
    caller.abort()
    await told
    finish.open()
    expect(await answer).toBe('hung up')
  })
})

/** As codegen bundles a worker: minified, with a linked source map. */
async function bundleWorker(outfile: string, job: string): Promise<void> {
  await build({
    stdin: {
      contents: `import job from ${JSON.stringify(job)}
        import { wrap } from '${repository}/runtime/index.ts'
        export default wrap(job, { worker: 'mail.send' })`,
      resolveDir: repository,
    },
    alias: { errand: `${repository}/core/index.ts` },
    nodePaths: [`${repository}/node_modules`],
    outfile,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'error',
  })
}

/**
 * Calls `mail.send` a number of times in a Node process of its own, because imports and stacks go through vite in this
 * one.
 */
async function callInNode(dir: string, calls: number): Promise<{ status: number; body: unknown }[]> {
  const script = join(dir, 'script.mjs')
  await build({
    stdin: {
      contents: `
        import { createFunctionHost } from './runtime/node.ts'
        import { callOf, key, signedRequest } from './test/runtime/support.ts'
        const host = createFunctionHost({ dir: process.argv[2], keys: [key], log: () => {} })
        const answers = []
        for (let n = 0; n < ${calls}; n++) {
          const deadline = new Date(Date.now() + 30_000).toISOString()
          const request = await signedRequest(callOf({ args: { to: 'ada' }, deadline }), { at: new Date() })
          const response = await host.fetch(request)
          answers.push({ status: response.status, body: await response.json() })
        }
        console.log(JSON.stringify(answers))`,
      resolveDir: repository,
    },
    outfile: script,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
  })
  const { stdout } = await promisify(execFile)(process.execPath, [script, dir])
  return JSON.parse(stdout) as { status: number; body: unknown }[]
}

describe('in a Node process of its own', () => {
  it('points the stack of an error into the TypeScript source of the worker', async () => {
    const { dir, fileOf } = await hostOf({ 'mail.send': '' })
    const job = join(dir, 'jobs', 'mail', 'send.ts')
    await mkdir(dirname(job), { recursive: true })
    await writeFile(
      job,
      `import { defineJob } from 'errand'
import { z } from 'zod'

interface Mail { to: string }

const deliver = (mail: Mail): never => {
  throw new Error('no route to ' + mail.to.length)
}

export default defineJob({
  args: z.object({ to: z.string() }),
  async run(args) {
    await Promise.resolve()
    deliver(args)
  },
})
`,
    )
    await bundleWorker(fileOf('mail.send'), job)
    const [answer] = await callInNode(dir, 1)
    const { error } = answer!.body as Receipt
    expect(error.message).toBe('no route to 3')
    const frames = error.stack!.split('\n').slice(1, 3)
    expect(frames[0]).toContain(`${job}:7:9`)
    expect(frames[1]).toContain(`${job}:14:5`)
  })

  it('imports a function anew whose module failed, though Node keeps the failure of a module for good', async () => {
    const { dir } = await hostOf({
      'mail.send': `
        globalThis.tries = (globalThis.tries ?? 0) + 1
        if (globalThis.tries < 3) throw new Error('not yet')
        export default { fetch: async () => Response.json({ tries }) }`,
    })
    expect(await callInNode(dir, 3)).toEqual([
      { status: 500, body: { error: expect.objectContaining({ code: 'LOAD_FAILED' }) as unknown } },
      { status: 500, body: { error: expect.objectContaining({ code: 'LOAD_FAILED' }) as unknown } },
      { status: 200, body: { tries: 3 } },
    ])
  })
})
