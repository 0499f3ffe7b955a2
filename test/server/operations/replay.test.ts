import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { handOperated } from '../../support/handOperated.js'
import { testErrand, type TestErrand } from '../../support/errand.js'

const echo = defineJob({ args: z.object({ n: z.number() }), retry: { attempts: 1 }, run: ({ n }) => ({ n }) })
const replay = (errand: TestErrand, id: string, body: object = {}) => errand.post(`/job/${id}/replay`, body)

describe('replay', () => {
  it('makes a new job with the args as they were, and leaves the old one as it is', async () => {
    await using errand = await testErrand({ echo })
    const id = await errand.enqueue('echo', { n: 7 }, { priority: 3 })
    await errand.run()
    const before = await errand.get(id)
    const { status, body } = await replay(errand, id)
    expect([status, body]).toEqual([
      201,
      { id: expect.any(String), state: expect.any(String), runAt: '2030-01-01T00:00:00.000Z', replayOf: id },
    ])
    await errand.run()
    expect(await errand.get(body.id)).toMatchObject({
      state: 'succeeded',
      attempt: 1,
      priority: 3,
      replayOf: id,
      receipts: [{ result: { n: 7 } }],
    })
    expect(await errand.get(id)).toEqual(before)
  })

  it('takes other args, which are checked', async () => {
    await using errand = await testErrand({ echo })
    const id = await errand.enqueue('echo', { n: 7 })
    await errand.run()
    const { body } = await replay(errand, id, { args: { n: 8 } })
    await errand.run()
    expect((await errand.get(body.id)).receipts).toMatchObject([{ result: { n: 8 } }])
    const wrong = await replay(errand, id, { args: { n: 'eight' } })
    expect([wrong.status, wrong.body.error.issues]).toMatchObject([400, [{ path: ['n'] }]])
    expect((await replay(errand, id, { n: 8 })).status).toBe(400)
  })

  it('keeps what JSON cannot say', async () => {
    const when = defineJob({ args: z.object({ at: z.date() }), run: ({ at }) => at.getTime() })
    await using errand = await testErrand({ when })
    const id = await errand.enqueue(
      'when',
      { at: '2020-01-01T00:00:00.000Z' },
      { argsMeta: { values: { at: ['Date'] } } },
    )
    await errand.run()
    const { body } = await replay(errand, id)
    await errand.run()
    expect((await errand.get(body.id)).receipts).toMatchObject([{ result: Date.parse('2020-01-01') }])
  })

  it('is for jobs that failed, were cancelled or succeeded, and for no other', async () => {
    const fails = defineJob({
      args: z.object({}),
      retry: { attempts: 1 },
      run: () => {
        throw new Error('no')
      },
    })
    await using errand = await testErrand({ fails })
    const id = await errand.enqueue('fails')
    await errand.run()
    expect((await replay(errand, id)).status).toBe(201)
    const waiting = await errand.enqueue('fails', {}, { delay: '1h' })
    expect((await replay(errand, waiting)).body.error.code).toBe('WRONG_STATE')
    await errand.coordinator.fetch(new Request(`http://coordinator.test/job/${waiting}`, { method: 'DELETE' }))
    expect((await replay(errand, waiting)).status).toBe(201)
    expect((await replay(errand, 'nobody')).status).toBe(404)
  })

  it('checks the args by the schema of today, after their migration', async () => {
    await using errand = await testErrand({ echo })
    const id = await errand.enqueue('echo', { n: 7 })
    await errand.run()
    const strict = defineJob({ args: z.object({ n: z.number().max(5) }), run: () => null })
    await using later = await testErrand({ echo: strict }, { beside: errand })
    expect((await replay(later, id)).body.error.code).toBe('INVALID_ARGS')
    const renamed = defineJob({
      version: 2,
      args: z.object({ count: z.number() }),
      migrate: (args) => ({ count: (args as { n: number }).n }),
      run: ({ count }) => ({ count }),
    })
    await using newest = await testErrand({ echo: renamed }, { beside: errand })
    const { body } = await replay(newest, id)
    await newest.run()
    expect((await newest.get(body.id)).receipts).toMatchObject([{ result: { count: 7 } }])
  })
})

describe('the key of a replay', () => {
  const unique = defineJob({
    args: z.object({ n: z.number() }),
    unique: { key: ({ n }) => String(n), onConflict: 'replace' },
    run: () => null,
  })

  it('is the old one, and is taken where it is free', async () => {
    await using errand = await testErrand({ unique }, { invoke: handOperated().invoke })
    const id = await errand.enqueue('unique', { n: 1 }, { delay: '1h' })
    await errand.coordinator.fetch(new Request(`http://coordinator.test/job/${id}`, { method: 'DELETE' }))
    const { body } = await replay(errand, id)
    expect((await errand.get(body.id)).key).toBe('1')
    expect((await replay(errand, id)).body).toMatchObject({ id: body.id, error: { code: 'KEY_TAKEN' } })
  })

  it('is made of other args anew, and never changes the job that holds it', async () => {
    await using errand = await testErrand({ unique })
    const id = await errand.enqueue('unique', { n: 1 })
    await errand.run()
    const owner = await errand.enqueue('unique', { n: 2 }, { delay: '1h' })
    expect((await replay(errand, id, { args: { n: 2 } })).body).toMatchObject({ id: owner })
    expect(await errand.get(owner)).toMatchObject({ state: 'scheduled', args: { n: 2 } })
    const { body } = await replay(errand, id, { args: { n: 3 } })
    expect((await errand.get(body.id)).key).toBe('3')
  })

  it('is taken over from the old job where that holds it for a time', async () => {
    const daily = defineJob({ args: z.object({}), unique: { key: () => 'k', until: '1d' }, run: () => null })
    await using errand = await testErrand({ daily })
    const id = await errand.enqueue('daily')
    await errand.run()
    const { status, body } = await replay(errand, id)
    expect(status).toBe(201)
    await errand.run()
    expect((await errand.get(body.id)).state).toBe('succeeded')
    const { body: again } = await errand.post('/job', { worker: 'daily', args: {} })
    expect(again).toMatchObject({ id: body.id, existing: true })
  })
})

describe('POST /job/:id/retry', () => {
  it('gives a final job new attempts, and takes JSON or nothing', async () => {
    await using errand = await testErrand({ echo })
    const id = await errand.enqueue('echo', { n: 1 })
    await errand.run()
    const plain = await errand.post(`/job/${id}/retry`, '{}', { 'content-type': 'text/plain' })
    expect(plain.status).toBe(415)
    expect(await errand.post(`/job/${id}/retry`, {})).toEqual({ status: 200, body: { id, state: 'queued' } })
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', attempt: 2 })
  })
})
