import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob, type JobContext } from '../../core/job/defineJob.js'
import { gate, testCoordinator, testFunction } from './support.js'

const endedUrl = 'http://coordinator.test/job/job1/ended?token=t0'

function limitedFunction(run: (context: JobContext) => unknown) {
  const coordinator = testCoordinator([() => new Response('{}')])
  const work: Promise<unknown>[] = []
  const platform = { waitUntil: (promise: Promise<unknown>) => void work.push(promise) }
  const job = defineJob({ args: z.object({}), run: (_, context) => run(context) })
  const fn = testFunction(job, { fetch: coordinator.fetch })
  return {
    ...coordinator,
    clock: fn.clock,
    call: (signal?: AbortSignal, limited: { limited?: true } = { limited: true }) =>
      fn.call(limited, { platform, ...(signal ? { signal } : {}) }),
    /** What the platform was asked to wait for. */
    posted: () => Promise.all(work),
  }
}
const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('a run that counts against a limit', () => {
  it('is told to be over where its caller has hung up, once its work has really ended', async () => {
    const { opened, open } = gate<string>()
    const entered = gate()
    const fn = limitedFunction(() => {
      entered.open()
      return opened
    })
    const hungUp = new AbortController()
    const calling = fn.call(hungUp.signal)
    await entered.opened
    hungUp.abort()
    await settled()
    expect(fn.posts).toEqual([])
    open('done')
    await calling
    await fn.posted()
    expect(fn.posts).toEqual([{ url: endedUrl, body: '{}' }])
  })

  it('is told to be over where its work outlasts the deadline', async () => {
    const { opened, open } = gate<string>()
    const entered = gate()
    const fn = limitedFunction(() => {
      entered.open()
      return opened
    })
    const calling = fn.call()
    await entered.opened
    fn.clock.advance(30_000)
    expect(await (await calling).json()).toMatchObject({ error: { code: 'TIMEOUT' } })
    await settled()
    expect(fn.posts).toEqual([])
    open('late')
    await settled()
    await fn.posted()
    expect(fn.posts).toEqual([{ url: endedUrl, body: '{}' }])
  })

  it('tells nothing where its answer was heard, nor where no limit asks for it', async () => {
    const heard = limitedFunction(() => 'done')
    await (await heard.call()).text()
    await settled()
    expect(heard.posts).toEqual([])

    const { opened, open } = gate<string>()
    const unlimited = limitedFunction(() => opened)
    const calling = unlimited.call(undefined, {})
    await unlimited.clock.untilSleeping((ms) => ms === 30_000)
    unlimited.clock.advance(30_000)
    await calling
    open('late')
    await settled()
    expect(unlimited.posts).toEqual([])
  })
})
