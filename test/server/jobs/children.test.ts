import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob, Fatal, type EnqueueChild, type ErrandError, type JobContext } from '../../../core/index.js'
import type { AnyJobs } from '../../../core/job/registry.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import { handOperated, pathOf } from '../../support/handOperated.js'

/** The workers of these tests are in no registry. */
const enqueueOf = (ctx: JobContext) => ctx.enqueue as EnqueueChild<AnyJobs>

const codeOf = ({ name, code, details }: ErrandError) => [name, code, details ?? null]

const child = defineJob({ args: z.object({ n: z.number() }), run: ({ n }) => n })
const unique = defineJob({
  args: z.object({ n: z.number() }),
  unique: { key: ({ n }) => String(n), onConflict: 'reject' },
  run: ({ n }) => n,
})
const retry = { attempts: 3, backoff: ['5s'] as ['5s'] }
const work = defineJob({ args: z.object({}), retry, timeout: '30s', run: () => null })

async function running(beside?: TestErrand) {
  const functions = handOperated()
  const errand = await testErrand({ work, child, unique }, { invoke: functions.invoke, ...(beside && { beside }) })
  const id = await errand.enqueue('work')
  const { call, answer } = await functions.next()
  return { errand, functions, id, call, answer }
}

const later = { delay: '1h' } as const
const ask = (n = 1, call = '#1', more = {}) => ({ worker: 'child', args: { n }, call, ...later, ...more })
const jobsOf = (errand: TestErrand, worker = 'child') =>
  errand.database.db.collection('errand_jobs').find({ worker }).sort({ args: 1 }).toArray()
async function list({ coordinator }: TestErrand, query: string) {
  const response = await coordinator.fetch(new Request(`http://coordinator.test/jobs?${query}`))
  return { status: response.status, body: await response.json() }
}

describe('POST /job/:id/enqueue', () => {
  it('makes a job that names its parent', async () => {
    const { errand, id, call } = await running()
    await using _ = errand
    const { status, body } = await errand.post(pathOf(call, 'enqueue'), ask())
    expect({ status, body }).toEqual({
      status: 201,
      body: { id: body.id, state: 'scheduled', runAt: '2030-01-01T01:00:00.000Z' },
    })
    expect(await errand.get(body.id)).toMatchObject({ worker: 'child', parent: id, args: { n: 1 } })
  })

  it('is found again by its parent, a page at a time, newest first', async () => {
    const { errand, id, call } = await running()
    await using _ = errand
    await errand.enqueue('child', { n: 0 }, later)
    for (const n of [1, 2, 3]) await errand.post(pathOf(call, 'enqueue'), ask(n, `#${n}`))
    const first = await list(errand, `parent=${id}&limit=2`)
    const second = await list(errand, `parent=${id}&limit=2&cursor=${first.body.cursor}`)
    expect([...first.body.jobs, ...second.body.jobs].map(({ args }) => args)).toEqual([{ n: 3 }, { n: 2 }, { n: 1 }])
    expect(second.body.cursor).toBeNull()
    expect(await list(errand, 'parent=none')).toEqual({ status: 200, body: { jobs: [], cursor: null } })
    expect(await list(errand, 'parents=none')).toMatchObject({ status: 400, body: { error: { code: 'BAD_REQUEST' } } })
  })

  it('answers a repeat of the call with the job that it made, whatever the args are now', async () => {
    const { errand, call } = await running()
    await using _ = errand
    const path = pathOf(call, 'enqueue')
    const first = await errand.post(path, ask())
    expect(await errand.post(path, ask(2))).toEqual({ status: 200, body: { ...first.body, existing: true } })
    expect((await errand.post(path, ask(3, '#2'))).status).toBe(201)
    // a call is the worker's own
    const other = await errand.post(path, { ...ask(9), worker: 'unique' })
    expect(other.status).toBe(201)
    expect(await jobsOf(errand)).toHaveLength(2)
  })

  it('makes one job of calls that come at once, on two coordinators', async () => {
    const { errand, call } = await running()
    await using _ = errand
    await using other = await testErrand({ work, child, unique }, { beside: errand })
    const answers = await Promise.all(
      Array.from({ length: 20 }, (__, n) => (n % 2 ? errand : other).post(pathOf(call, 'enqueue'), ask())),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(new Set(answers.map(({ body }) => body.id as string)).size).toBe(1)
    expect(await jobsOf(errand)).toHaveLength(1)
  })

  it('knows a repeat also where the job holds a unique key, before and in the race', async () => {
    const { errand, call } = await running()
    await using _ = errand
    const path = pathOf(call, 'enqueue')
    const body = { ...ask(), worker: 'unique' }
    const first = await errand.post(path, body)
    expect(await errand.post(path, body)).toMatchObject({ status: 200, body: { id: first.body.id, existing: true } })
    const { jobs } = errand.coordinator.deps.store
    let looks = 0
    // the look before the insert finds nothing yet
    errand.coordinator.deps.store.jobs = {
      ...jobs,
      ofCall: (...call) => (looks++ === 0 ? Promise.resolve(null) : jobs.ofCall(...call)),
    }
    expect(await errand.post(path, body)).toMatchObject({ status: 200, body: { id: first.body.id, existing: true } })
    expect(looks).toBe(2)
    const held = await errand.post(path, { ...body, call: '#2' })
    expect(held).toMatchObject({ status: 409, body: { error: { code: 'KEY_TAKEN', id: first.body.id } } })
  })

  it('works for a later attempt, and for a job that an operator runs again', async () => {
    const { errand, functions, call, answer } = await running()
    await using _ = errand
    const first = await errand.post(pathOf(call, 'enqueue'), ask())
    answer({ kind: 'receipt', receipt: { status: 'failure', error: { name: 'E', message: '' } } })
    await errand.coordinator.dispatcher.idle()
    await errand.clock.advance('5s')
    await errand.stage()
    await errand.claim()
    const second = await functions.next()
    expect(second.call.attempt).toBe(2)
    expect(await errand.post(pathOf(second.call, 'enqueue'), ask())).toMatchObject({
      status: 200,
      body: { id: first.body.id, existing: true },
    })
  })

  it('is refused once the attempt is over, and to the wrong hands', async () => {
    const { errand, id, call, answer } = await running()
    await using _ = errand
    const path = pathOf(call, 'enqueue')
    expect((await errand.post(`/job/${id}/enqueue?token=x`, ask())).status).toBe(401)
    expect(
      (
        await errand.post(
          `/job/nobody/enqueue?token=${errand.coordinator.deps.signer.receiptToken('nobody', 'c')}`,
          ask(),
        )
      ).status,
    ).toBe(404)
    answer({ kind: 'receipt', receipt: { status: 'success' } })
    await errand.coordinator.dispatcher.idle()
    expect(await errand.post(path, ask())).toMatchObject({ status: 409, body: { error: { code: 'ATTEMPT_OVER' } } })
    const other = await running()
    await using __ = other.errand
    await other.errand.clock.advance('30s')
    expect((await other.errand.post(pathOf(other.call, 'enqueue'), ask())).status).toBe(409)
    expect(await jobsOf(errand)).toEqual([])
  })

  it.each([
    [{ call: undefined }, 400, 'BAD_REQUEST'],
    [{ call: '' }, 400, 'BAD_REQUEST'],
    [{ cron: '* * * * *' }, 400, 'BAD_REQUEST'],
    [{ runAt: '2031-01-01T00:00:00Z' }, 400, 'BAD_REQUEST'],
    [{ args: { n: 'one' } }, 400, 'INVALID_ARGS'],
    [{ worker: 'chidl' }, 404, 'UNKNOWN_WORKER'],
  ])('refuses %j', async (change, status, code) => {
    const { errand, call } = await running()
    await using _ = errand
    expect(await errand.post(pathOf(call, 'enqueue'), ask(1, '#1', change))).toMatchObject({
      status,
      body: { error: { code } },
    })
  })

  it('costs a job that has no parent no look, and finds a call by its index', async () => {
    const { errand, id, call } = await running()
    await using _ = errand
    for (let n = 0; n < 50; n++) await errand.post(pathOf(call, 'enqueue'), ask(n, `#${n}`))
    const { executionStats } = await errand.database.db
      .collection('errand_jobs')
      .find({ parent: id, call: 'child #7' }, { hint: 'call' })
      .explain('executionStats')
    expect(executionStats).toMatchObject({ nReturned: 1, totalKeysExamined: 1, totalDocsExamined: 1 })
    const { store } = errand.coordinator.deps
    store.jobs = { ...store.jobs, ofCall: () => Promise.reject(new Error('looked')) }
    await errand.enqueue('child', { n: 1 }, later)
  })
})

describe('ctx.enqueue', () => {
  it.each(['answered', 'posted'] as const)(
    'makes each child job once across retries, where receipts are %s',
    async (receipt) => {
      let attempts = 0
      const parent = defineJob({
        args: z.object({}),
        retry,
        receipt,
        async run(_, ctx) {
          const enqueue = enqueueOf(ctx)
          const children = await Promise.all([1, 2].map((n) => enqueue('child', { n })))
          if (++attempts < 3) throw new Error('no')
          return children.map(({ existing }) => existing)
        },
      })
      await using errand = await testErrand({ parent, child })
      const id = await errand.enqueue('parent')
      const ended = async (attempt: number) => (await errand.get(id)).receipts.length === attempt
      for (const attempt of [1, 2, 3]) {
        await errand.run()
        while (!(await ended(attempt)));
        // its receipt may be there before the job has moved on
        await errand.quiet()
        await errand.clock.advance('5s')
      }
      expect(await errand.get(id)).toMatchObject({ state: 'succeeded', receipts: [{}, {}, { result: [true, true] }] })
      const children = await jobsOf(errand)
      expect(children.map(({ args, parent }) => [args, parent])).toEqual([
        ['{"n":1}', id],
        ['{"n":2}', id],
      ])
    },
  )

  it('takes the name of a call, for code whose order changes', async () => {
    let attempts = 0
    const parent = defineJob({
      args: z.object({}),
      retry,
      async run(_, ctx) {
        const order = ++attempts === 1 ? [1, 2] : [2, 1]
        const ids: [number, string][] = []
        for (const n of order) ids.push([n, (await enqueueOf(ctx)('child', { n }, { call: `n${n}`, ...later })).id])
        if (attempts === 1) throw new Error('no')
        return Object.fromEntries(ids)
      },
    })
    await using errand = await testErrand({ parent, child })
    const id = await errand.enqueue('parent')
    await errand.run()
    await errand.clock.advance('5s')
    await errand.run()
    const [one, two] = await jobsOf(errand)
    expect((await errand.get(id)).receipts.at(-1)).toMatchObject({ result: { 1: one!['_id'], 2: two!['_id'] } })
  })

  it('carries what JSON cannot say, and the options of an enqueue', async () => {
    const dated = defineJob({ args: z.object({ at: z.date() }), run: () => null })
    const parent = defineJob({
      args: z.object({}),
      run: (_, ctx) =>
        enqueueOf(ctx)('dated', { at: new Date(7) }, { runAt: new Date(Date.UTC(2031)), priority: 3, key: 'k' }),
    })
    await using errand = await testErrand({ parent, dated })
    const id = await errand.enqueue('parent')
    await errand.run()
    const [made] = await jobsOf(errand, 'dated')
    expect(await errand.get(made!['_id'] as unknown as string)).toMatchObject({
      args: { at: '1970-01-01T00:00:00.007Z' },
      argsMeta: { values: { at: ['Date'] } },
      runAt: '2031-01-01T00:00:00.000Z',
      priority: 3,
      key: 'k',
      parent: id,
    })
  })

  it('throws what the coordinator says of the job, for run to make of it what it likes', async () => {
    const parent = defineJob({
      args: z.object({}),
      async run(_, ctx) {
        const errors = []
        for (const [worker, args] of [
          ['child', { n: 'one' }],
          ['chidl', {}],
          ['child', { bad: () => 1 }],
        ] as const) {
          errors.push(await enqueueOf(ctx)(worker, args).catch(codeOf))
        }
        await enqueueOf(ctx)('child', { n: 1 }, { key: 'k', ...later })
        errors.push(await enqueueOf(ctx)('child', { n: 1 }, { key: 'k' }).catch(codeOf))
        return errors
      },
    })
    await using errand = await testErrand({ parent, child })
    const id = await errand.enqueue('parent')
    await errand.run()
    const [made] = await jobsOf(errand)
    expect((await errand.get(id)).receipts[0]!.result).toEqual([
      ['ErrandError', 'INVALID_ARGS', null],
      ['ErrandError', 'UNKNOWN_WORKER', { worker: 'chidl' }],
      ['ErrandError', 'INVALID_ARGS', null],
      ['ErrandError', 'KEY_TAKEN', { id: made!['_id'] }],
    ])
  })

  it('is brought to its end where run does not wait for it', async () => {
    const parent = defineJob({
      args: z.object({}),
      run(_, ctx) {
        void enqueueOf(ctx)('child', { n: 1 })
        void enqueueOf(ctx)('nobody', {})
      },
    })
    await using errand = await testErrand({ parent, child })
    const id = await errand.enqueue('parent')
    await errand.run()
    expect((await errand.get(id)).state).toBe('succeeded')
    expect(await jobsOf(errand)).toHaveLength(1)
  })

  it('tells an attempt that is over, and stops it', async () => {
    let tell!: (signal: AbortSignal) => void
    const told = new Promise<AbortSignal>((resolve) => (tell = resolve))
    let go!: () => void
    const cancelled = new Promise<void>((resolve) => (go = resolve))
    let end!: (codes: unknown[]) => void
    const ended = new Promise<unknown[]>((resolve) => (end = resolve))
    const parent = defineJob({
      args: z.object({}),
      receipt: 'posted',
      async run(_, ctx) {
        tell(ctx.signal)
        await cancelled
        const refused = await enqueueOf(ctx)('child', { n: 1 }).catch(({ code }: ErrandError) => code)
        end([refused, (ctx.signal.reason as { code: string }).code])
        throw new Fatal('over')
      },
    })
    await using errand = await testErrand({ parent, child })
    const id = await errand.enqueue('parent')
    const signal = await told
    await errand.coordinator.fetch(new Request(`http://coordinator.test/job/${id}`, { method: 'DELETE' }))
    const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve))
    go()
    await aborted
    expect(await ended).toEqual(['ATTEMPT_OVER', 'ATTEMPT_OVER'])
    expect(await jobsOf(errand)).toEqual([])
  })
})
