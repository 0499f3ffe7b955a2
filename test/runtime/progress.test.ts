import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { maxLogBytes } from '../../core/job/attemptLog.js'
import { defineJob, type JobContext } from '../../core/job/defineJob.js'
import { attemptResult } from '../../core/requests/attemptResult.js'
import { progressRequest } from '../../core/requests/progress.js'
import { gate, testCoordinator, testFunction } from './support.js'

const ok = () => new Response('{}')
const status = (code: number) => () => new Response('{}', { status: code })
const at = '2026-03-01T12:00:00.000Z'

/** A worker that does what the test says, until the test lets it end. */
function talkative(answers: (() => Response | Promise<Response>)[] = [ok]) {
  const began = gate<JobContext>()
  const end = gate<unknown>()
  const job = defineJob({
    args: z.object({}),
    run: (_, context) => {
      began.open(context)
      return end.opened
    },
  })
  const coordinator = testCoordinator(answers)
  const fn = testFunction(job, { fetch: coordinator.fetch })
  const receipt = fn.receipt()
  return {
    ...coordinator,
    clock: fn.clock,
    bodies: () => coordinator.posts.map(({ body }) => JSON.parse(body) as unknown),
    context: began.opened,
    async end() {
      end.open('done')
      return receipt
    },
    receipt,
  }
}

/** Lets what was posted be answered. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('a quick job', () => {
  it('makes no call of its own: what it tells rides in the receipt', async () => {
    const fn = talkative()
    const context = await fn.context
    context.progress(0.25, 'fetched')
    context.progress(0.5)
    context.log('half way', { rows: 7 })
    fn.clock.advance(249)
    expect(await fn.end()).toEqual({
      status: 'success',
      result: 'done',
      progress: { fraction: 0.5 },
      log: [{ at, message: 'half way', fields: { rows: 7 } }],
    })
    expect(fn.posts).toEqual([])
    expect(fn.clock.sleepers()).toBe(0)
  })

  it('has a plain receipt where it tells nothing', async () => {
    const fn = talkative()
    expect(await fn.end()).toEqual({ status: 'success', result: 'done' })
  })

  it('tells it with its failure too, and with its timeout', async () => {
    const failing = defineJob({
      args: z.object({}),
      run(_, context) {
        context.log('about to fail')
        throw new Error('no')
      },
    })
    expect(await testFunction(failing).receipt()).toMatchObject({
      status: 'failure',
      error: { message: 'no' },
      log: [{ message: 'about to fail' }],
    })
    const slow = talkative()
    ;(await slow.context).log('still at it')
    slow.clock.advance(30_000)
    expect(await slow.receipt).toMatchObject({ error: { code: 'TIMEOUT' }, log: [{ message: 'still at it' }] })
  })
})

describe('a longer job', () => {
  it('reports after a quarter of a second, and then at most once a second, what is new', async () => {
    const fn = talkative()
    const context = await fn.context
    context.progress(0.1)
    fn.clock.advance(250)
    await settled()
    expect(fn.posts).toEqual([
      { url: 'http://coordinator.test/job/job1/progress?token=t0', body: '{"progress":{"fraction":0.1}}' },
    ])
    for (let step = 2; step <= 5; step++) context.progress(step / 10, `step ${step}`)
    context.log('here')
    fn.clock.advance(999)
    await settled()
    expect(fn.posts).toHaveLength(1)
    fn.clock.advance(1)
    await settled()
    expect(fn.bodies()[1]).toMatchObject({ progress: { fraction: 0.5, note: 'step 5' }, log: [{ message: 'here' }] })
    context.progress(0.6)
    fn.clock.advance(1_000)
    await settled()
    expect(fn.bodies()[2]).toEqual({ progress: { fraction: 0.6 } })
    fn.clock.advance(10_000)
    await settled()
    expect(fn.posts).toHaveLength(3)
  })

  it('sends all kept lines each time, so that a lost report loses none', async () => {
    const gone = () => Promise.reject(new TypeError('fetch failed'))
    const fn = talkative([gone, ok])
    const context = await fn.context
    context.log('one')
    fn.clock.advance(250)
    await settled()
    context.log('two')
    fn.clock.advance(1_000)
    await settled()
    expect(fn.bodies()[1]).toMatchObject({ log: [{ message: 'one' }, { message: 'two' }] })
    expect(await fn.end()).toMatchObject({ status: 'success', log: [{}, {}] })
  })

  it('waits longer and longer while the coordinator is away, and never fails because of it', async () => {
    const fn = talkative([status(503)])
    ;(await fn.context).progress(0.5)
    for (const waitMs of [250, 1_000, 1_000, 1_500, 3_000, 6_000]) {
      fn.clock.advance(waitMs)
      await settled()
    }
    expect(fn.posts).toHaveLength(6)
    expect(await fn.end()).toMatchObject({ status: 'success', progress: { fraction: 0.5 } })
  })

  it('is told by a refused report that the attempt is over', async () => {
    const fn = talkative([status(409)])
    const { signal, progress } = await fn.context
    progress(0.5)
    fn.clock.advance(250)
    await settled()
    expect(signal.reason).toMatchObject({ code: 'ATTEMPT_OVER' })
  })

  it.each([400, 404, 413])('goes on in silence where reports are refused with %i', async (code) => {
    const fn = talkative([status(code)])
    const context = await fn.context
    context.progress(0.5)
    fn.clock.advance(250)
    await settled()
    context.progress(0.6)
    fn.clock.advance(10_000)
    await settled()
    expect(context.signal.aborted).toBe(false)
    expect(fn.posts).toHaveLength(1)
    expect(await fn.end()).toMatchObject({ progress: { fraction: 0.6 } })
  })

  it('sends nothing any more once the receipt is written', async () => {
    const fn = talkative([() => new Promise<Response>(() => {})])
    const context = await fn.context
    context.progress(0.5)
    fn.clock.advance(250)
    await fn.end()
    context.progress(0.9)
    context.log('too late')
    fn.clock.advance(60_000)
    expect(fn.posts).toHaveLength(1)
    expect(fn.clock.sleepers()).toBe(0)
  })
})

describe('progress', () => {
  it('is cut to what lies between 0 and 1', async () => {
    for (const [given, told] of [
      [-1, 0],
      [7, 1],
      [Infinity, 1],
    ] as const) {
      const fn = talkative()
      ;(await fn.context).progress(given)
      expect(await fn.end()).toMatchObject({ progress: { fraction: told } })
    }
  })

  it.each([NaN, undefined, '0.5'])('throws RangeError for %s', async (given) => {
    const { progress } = await talkative().context
    expect(() => progress(given as number)).toThrow(RangeError)
  })
})

describe('the log', () => {
  it('keeps the last 100 lines, and says how many were dropped', async () => {
    const fn = talkative()
    const { log } = await fn.context
    for (let n = 1; n <= 1_000; n++) log(`line ${n}`)
    const receipt = (await fn.end()) as unknown as { log: { message: string }[]; logDropped: number }
    expect(receipt.log.map(({ message }) => message)).toEqual(Array.from({ length: 100 }, (_, n) => `line ${n + 901}`))
    expect(receipt.logDropped).toBe(900)
  })

  it('keeps at most 16 kB of UTF-8', async () => {
    const fn = talkative()
    const { log } = await fn.context
    for (let n = 1; n <= 20; n++) log('ä'.repeat(1_000))
    const receipt = (await fn.end()) as unknown as { log: unknown[]; logDropped: number }
    const bytes = receipt.log.reduce<number>((sum, line) => sum + Buffer.byteLength(JSON.stringify(line)), 0)
    expect(bytes).toBeLessThanOrEqual(maxLogBytes)
    expect(bytes).toBeGreaterThan(maxLogBytes - 2_200)
    expect(receipt.log.length + receipt.logDropped).toBe(20)
  })

  it('leaves out fields that cannot be written, says so, and makes no receipt that would be refused', async () => {
    const fn = talkative()
    const { log, progress } = await fn.context
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    for (const fields of [cycle, { big: 1n }, ['a'], 'text', null, { long: 'x'.repeat(4_000) }]) {
      log('a line', fields as Record<string, unknown>)
    }
    log('m'.repeat(5_000), { x: undefined, nested: { $where: 1, 'a.b': [new Date(0)] } })
    log(undefined as unknown as string)
    progress(1, 'n'.repeat(5_000))
    const receipt = await fn.end()
    expect(attemptResult.safeParse(receipt)).toMatchObject({ success: true })
    const { log: lines } = receipt as unknown as { log: { message: string; fields?: unknown }[] }
    expect(lines[0]!.message).toBe('a line (its fields were left out: they are no plain object)')
    expect(lines[5]!.message).toBe('a line (its fields were left out: they take more than 4000 characters)')
    expect(lines.slice(0, 6).every(({ fields }) => fields === undefined)).toBe(true)
    expect(lines[6]).toMatchObject({ fields: { nested: { $where: 1, 'a.b': ['1970-01-01T00:00:00.000Z'] } } })
    expect(lines[6]!.message).toHaveLength(2_000)
  })

  it('takes the same on the wire from functions in other languages', () => {
    const line = { at, message: 'm' }
    expect(progressRequest.safeParse({ log: [line], progress: { fraction: 1 } }).success).toBe(true)
    for (const bad of [
      { log: [{ message: 'm' }] },
      { log: [{ ...line, at: 'today' }] },
      { log: [{ ...line, level: 'info' }] },
      { log: Array.from({ length: 101 }, () => line) },
      { log: [{ ...line, fields: { long: 'x'.repeat(4_000) } }] },
      { progress: { fraction: 1.1 } },
      { progress: 0.5 },
      { extend: true },
    ]) {
      expect(progressRequest.safeParse(bad).success).toBe(false)
    }
  })
})
