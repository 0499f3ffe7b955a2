/** `errand workers` against a coordinator in this process, through a real socket. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../core/index.js'
import { listen, type Listening } from '../../server/api/listen.js'
import { testErrand, type TestErrand } from '../support/errand.js'
import { errand, jsonOf } from './support.js'

const add = defineJob({ args: z.object({ a: z.number(), b: z.number() }), run: ({ a, b }) => a + b })
const odd = defineJob({ args: z.object({ n: z.number().refine((n) => n % 7 === 3) }), run: () => null })
const sync = defineJob({
  args: z.object({ shop: z.string().meta({ examples: ["Ada's"] }), since: z.date().optional() }),
  result: z.object({ pages: z.number() }),
  retry: { attempts: 3, backoff: ['5s', '1m'], budget: { limit: 60, per: '1m' } },
  timeout: '1m',
  concurrency: { limit: 2, key: ({ shop }) => shop },
  throttle: { limit: 7, per: '1s' },
  unique: { key: ({ shop }) => shop, onConflict: 'debounce', maxWait: '10m' },
  limits: { args: '10kb' },
  redact: ['shop'],
  run: () => ({ pages: 1 }),
})

let coordinator: TestErrand
let listening: Listening
const run = (...args: string[]) => errand(['workers', ...args], { env: { ERRAND_URL: listening.url } })

beforeAll(async () => {
  coordinator = await testErrand({ 'math.add': add, 'math.odd': odd, 'shop.sync': sync })
  listening = await listen({
    fetch: (request) => coordinator.coordinator.fetch(request),
    host: '127.0.0.1',
    port: 0,
    setting: 'PORT',
  })
  await coordinator.enqueue('math.add', { a: 1, b: 2 }, { delay: '1h' })
  await coordinator.post('/pauses', { worker: 'shop.sync', reason: 'asked by the shop' })
})

afterAll(async () => {
  await listening?.close()
  await coordinator?.[Symbol.asyncDispose]()
})

describe('workers list', () => {
  it('shows jobs, policies and addresses as a table, and who is paused', async () => {
    const { code, stdout, stderr } = await run('list')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [head, math, , shop, ...rest] = stdout.trimEnd().split('\n')
    expect(head).toMatch(/^NAME +JOBS +POLICIES +ADDRESS$/)
    expect(math).toMatch(/^math\.add +1 scheduled +5 attempts, 30s each +http:\/\/functions\.test\/math\/add$/)
    expect(shop).toMatch(
      /^shop\.sync +paused +3 attempts, 1m each, 2 at once for each key, 7 starts a second, unique +http:\S+\/shop\/sync$/,
    )
    expect(rest).toEqual([])
  })

  it('prints the array of workers for machines', async () => {
    expect(jsonOf(await run('list', '--json'))).toMatchObject([
      { name: 'math.add', counts: { scheduled: 1 }, policies: { maxAttempts: 5 } },
      { name: 'math.odd' },
      { name: 'shop.sync', paused: { reason: 'asked by the shop' } },
    ])
  })

  it('says where workers come from when there are none', async () => {
    await using empty = await testErrand({})
    const fetch = (request: Request) => empty.coordinator.fetch(request)
    const other = await listen({ fetch, host: '127.0.0.1', port: 0, setting: 'PORT' })
    expect((await run('list', '--url', other.url)).stdout).toMatch(/^No workers\. `errand codegen`/)
    await other.close()
  })
})

describe('workers get', () => {
  it('shows every policy by its name in defineJob, and the pause', async () => {
    const { code, stdout } = await run('get', 'shop.sync')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^shop\.sync {2}paused\n\n {2}paused +by local .*: asked by the shop\n/)
    for (const line of [
      /^ {2}jobs +none waits or runs$/m,
      /^ {2}address +http:\/\/functions\.test\/shop\/sync$/m,
      /^ {2}attempts +3$/m,
      /^ {2}backoff +5s, 1m$/m,
      /^ {2}retry budget +1 start a second, burst 60$/m,
      /^ {2}timeout +1m$/m,
      /^ {2}concurrency +2 at once for each key$/m,
      /^ {2}throttle +7 starts a second, burst 7$/m,
      /^ {2}unique +until finished, onConflict debounce, maxWait 10m$/m,
      /^ {2}keep +succeeded 1d, failed 30d, cancelled 7d$/m,
      /^ {2}limits +args 10 kB$/m,
      /^ {2}redact +shop$/m,
    ]) {
      expect(stdout).toMatch(line)
    }
  })

  it('shows args and result as JSON Schema, indented', async () => {
    const { stdout } = await run('get', 'math.add')
    expect(stdout).toContain('  args\n    {\n      "type": "object",\n      "properties": {\n        "a": {\n')
    expect(stdout).not.toContain('  result\n')
    expect((await run('get', 'shop.sync')).stdout).toContain('  result\n    {\n      "type": "object",\n')
  })

  it('ends with a command to paste, quoted for the shell', async () => {
    expect((await run('get', 'math.add')).stdout).toMatch(/\n {2}errand enqueue math\.add '\{"a":1,"b":1\}'\n$/)
    expect((await run('get', 'shop.sync')).stdout).toContain(`errand enqueue shop.sync '{"shop":"Ada'\\''s"}'\n`)
    expect((await run('get', 'math.odd')).stdout).toMatch(/\n {2}No example .*\n$/)
  })

  it('prints the worker for machines', async () => {
    expect(jsonOf(await run('get', 'math.add', '--json'))).toMatchObject({
      name: 'math.add',
      args: { type: 'object' },
      example: { a: 1, b: 1 },
    })
  })

  it('gives the error of the coordinator for a name that it does not know', async () => {
    const { code, stdout, stderr } = await run('get', 'math.ad')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^errand: .*"math\.ad".*math\.add.*\n$/)
    const asked = await run('get', 'math.ad', '--json')
    expect(JSON.parse(asked.stderr)).toMatchObject({ error: { code: 'UNKNOWN_WORKER' } })
  })
})
