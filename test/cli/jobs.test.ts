/** `errand enqueue --id`, `jobs retry --now` and `jobs erase` against a coordinator in this process, through a real socket. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../core/index.js'
import { listen, type Listening } from '../../server/api/listen.js'
import { testErrand, type TestErrand } from '../support/errand.js'
import { errand, jsonOf } from './support.js'

const add = defineJob({
  args: z.object({ a: z.number(), b: z.number() }),
  unique: { key: ({ a }) => `sum of ${a}`, onConflict: 'reject' },
  run: ({ a, b }) => a + b,
})

let coordinator: TestErrand
let listening: Listening
const run = (...args: string[]) => errand(['jobs', ...args], { env: { ERRAND_URL: listening.url } })

beforeAll(async () => {
  coordinator = await testErrand({ add })
  listening = await listen({
    fetch: (request) => coordinator.coordinator.fetch(request),
    host: '127.0.0.1',
    port: 0,
    setting: 'PORT',
  })
})

afterAll(async () => {
  await listening?.close()
  await coordinator?.[Symbol.asyncDispose]()
})

describe('enqueue --id', () => {
  it('is the same job when it is asked for again', async () => {
    const enqueue = () =>
      errand(['enqueue', 'add', '{"a":7,"b":1}', '--delay', '1h', '--id', '7d444840-9dc0-41d1-b245-5ffdce74fad2'], {
        env: { ERRAND_URL: listening.url },
      })
    const first = await enqueue()
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/ {2}add {2}scheduled, runs in \S+\n$/) as string,
    })
    const [id] = first.stdout.split(' ')
    expect(await enqueue()).toMatchObject({ code: 0, stdout: expect.stringContaining('is there already') as string })
    expect((await enqueue()).stdout).toContain(id)
  })
})

describe('jobs retry --now', () => {
  it('starts a job that waits for its time, which a retry alone does not', async () => {
    const id = await coordinator.enqueue('add', { a: 1, b: 2 }, { delay: '1h' })
    expect(await run('retry', id)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('only a job that is final') as string,
    })
    expect(await run('retry', id, '--now')).toMatchObject({ code: 0, stdout: `${id}  queued\n` })
  })
})

describe('jobs erase', () => {
  it('counts, wants a yes, and erases by ids and by key', async () => {
    const id = await coordinator.enqueue('add', { a: 3, b: 2 })
    await coordinator.run()
    expect(await run('erase', id, '--dry-run')).toMatchObject({ code: 0, stdout: '1 job\n' })
    expect(await run('erase', id)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('This would erase 1 job. Say --yes') as string,
    })
    expect(await run('erase', '--worker', 'add', '--key', 'sum of 3', '--yes')).toMatchObject({
      code: 0,
      stdout: '1 job erased\n',
    })
    expect(await coordinator.get(id)).toMatchObject({ args: null, erased: true, receipts: [] })
  })

  it('names jobs that are not final, and fails', async () => {
    const id = await coordinator.enqueue('add', { a: 5, b: 2 }, { delay: '1h' })
    const ended = await run('erase', id, '--yes')
    expect(ended).toMatchObject({ code: 1, stdout: expect.stringContaining('Cancel it first') as string })
    expect(jsonOf(await run('erase', id, '--yes', '--json'))).toMatchObject({
      done: 0,
      skipped: [{ id, code: 'WRONG_STATE' }],
    })
  })
})
