import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob, type EnqueueChild, type JobContext } from '../../core/index.js'
import type { AnyJobs } from '../../core/job/registry.js'
import { testCoordinator, testFunction } from './support.js'

const made = () => Response.json({ id: 'j2', state: 'queued', runAt: '2026-03-01T12:00:00.000Z' }, { status: 201 })
const refused = (status: number, code: string) => () =>
  Response.json({ error: { code, message: `${code}.`, id: 'owner' } }, { status })

function enqueuing(
  run: (enqueue: EnqueueChild<AnyJobs>, ctx: JobContext) => unknown,
  answers: (() => Response | Promise<Response>)[] = [made],
) {
  const coordinator = testCoordinator(answers)
  const job = defineJob({ args: z.object({}), run: (_, ctx) => run(ctx.enqueue as EnqueueChild<AnyJobs>, ctx) })
  const fn = testFunction(job, { fetch: coordinator.fetch })
  return {
    ...fn,
    posts: coordinator.posts,
    bodies: () => coordinator.posts.map(({ body }) => JSON.parse(body) as object),
  }
}

describe('ctx.enqueue', () => {
  it('posts the job, with calls counted for each worker', async () => {
    const fn = enqueuing(async (enqueue) => {
      const first = await enqueue('a', { n: 1 }, { delay: '1m' })
      await enqueue('a')
      await enqueue('b', {}, { call: 'mine' })
      await enqueue('b', {})
      return first
    })
    expect(await fn.receipt()).toMatchObject({ result: { id: 'j2', state: 'queued', existing: false } })
    expect(fn.posts[0]!.url).toBe('http://coordinator.test/job/job1/enqueue?token=t0')
    expect(fn.bodies()).toEqual([
      { worker: 'a', args: { n: 1 }, delay: '1m', call: '#1' },
      { worker: 'a', args: {}, call: '#2' },
      { worker: 'b', args: {}, call: 'mine' },
      { worker: 'b', args: {}, call: '#1' },
    ])
  })

  it('posts again while the coordinator is away, under the same call', async () => {
    const gone = () => Promise.reject(new TypeError('fetch failed'))
    const fn = enqueuing((enqueue) => enqueue('a', {}), [gone, () => new Response('', { status: 503 }), made])
    const receipt = fn.receipt()
    for (const waitMs of [375, 750]) {
      await fn.clock.untilSleeping((ms) => ms === waitMs)
      fn.clock.advance(waitMs)
    }
    expect(await receipt).toMatchObject({ status: 'success' })
    expect(fn.bodies()).toEqual(Array.from({ length: 3 }, () => ({ worker: 'a', args: {}, call: '#1' })))
  })

  it('posts again when an overloaded coordinator said, and before the deadline where that would be too late', async () => {
    const busy = (seconds: string) => () => new Response('', { status: 503, headers: { 'retry-after': seconds } })
    const fn = enqueuing((enqueue) => enqueue('a', {}), [busy('4'), busy('3600'), made])
    const receipt = fn.receipt()
    for (const waitMs of [5_000, 24_000]) {
      await fn.clock.untilSleeping((ms) => ms === waitMs)
      fn.clock.advance(waitMs)
    }
    await receipt
    expect(fn.posts.filter(({ url }) => url.includes('/enqueue'))).toHaveLength(3)
  })

  it('throws ErrandError with code and details for what is wrong with the job', async () => {
    const fn = enqueuing(
      (enqueue, { signal }) =>
        enqueue('a', {}).catch((error: { code: string; details: unknown }) => [
          error.code,
          error.details,
          signal.aborted,
        ]),
      [refused(409, 'KEY_TAKEN')],
    )
    expect(await fn.receipt()).toMatchObject({ result: ['KEY_TAKEN', { id: 'owner' }, false] })
  })

  it.each([
    [409, 'ATTEMPT_OVER'],
    [404, 'UNKNOWN_JOB'],
    [401, 'UNAUTHORIZED'],
  ])('aborts the run where it is refused with %i %s', async (status, code) => {
    const fn = enqueuing((enqueue) => enqueue('a', {}), [refused(status, code)])
    expect(await fn.receipt()).toMatchObject({ status: 'failure', error: { code: 'ATTEMPT_OVER' } })
  })

  it('says so where something else refuses it', async () => {
    const fn = enqueuing((enqueue) => enqueue('a', {}), [() => new Response('<html>', { status: 403 })])
    expect(await fn.receipt()).toMatchObject({ error: { message: 'The coordinator refused a job for a (403).' } })
  })

  it('is refused without a call once the receipt is written', async () => {
    let kept!: EnqueueChild<AnyJobs>
    const fn = enqueuing((enqueue) => void (kept = enqueue))
    await fn.receipt()
    await expect(kept('a', {})).rejects.toMatchObject({ code: 'ATTEMPT_OVER' })
    expect(fn.posts).toEqual([])
  })
})
