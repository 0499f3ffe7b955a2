import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createClient } from '../../../client/index.js'
import { defineJob, groupSummary } from '../../../core/index.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import { handOperated } from '../../support/handOperated.js'
import { nestedJson } from '../../support/nested.js'

/** What lies in the database from before there were bounds. */
const any = defineJob({ args: z.looseObject({}), retry: { attempts: 1 }, run: () => 1 })
const shy = defineJob({ args: z.looseObject({}), redact: ['secret'], retry: { attempts: 1 }, run: () => 1 })
const merge = defineJob({ args: z.object({ group: groupSummary() }), run: ({ group }) => group })

const deep = nestedJson(2_500)
const deeper = nestedJson(20_000)
const bigintMeta = JSON.stringify({ values: { a: ['bigint'] } })

const clientOf = ({ coordinator }: TestErrand) =>
  createClient({
    url: 'http://coordinator.test',
    fetch: async (url, init) => coordinator.fetch(new Request(url, init)),
  })

const jobsOf = ({ database }: TestErrand) => database.db.collection<{ _id: string }>('errand_jobs')
const receiptsOf = ({ database }: TestErrand) => database.db.collection<{ _id: string }>('errand_receipts')

async function start() {
  const errand = await testErrand({ any, shy, merge })
  const [bad, good] = [await errand.enqueue('any', { a: 1 }), await errand.enqueue('any', { a: 2 })]
  await errand.run()
  return { errand, bad, good }
}

const ofJob = (id: string) => ({ _id: { $gte: `${id}:`, $lt: `${id};` } }) as never

describe('args that cannot be shown', () => {
  it.each([
    ['2,500 levels', { args: deep }, 'nested more than 100 levels deep'],
    ['20,000 levels', { args: deeper }, 'nested more than 100 levels deep'],
    ['a meta of 2,500 levels', { argsMeta: deep }, 'nested more than 100 levels deep'],
    ['no JSON', { args: '{"a":' }, 'no JSON'],
  ])('spoil no list: %s', async (_what, fields, problem) => {
    const { errand, bad, good } = await start()
    await using _ = errand
    await jobsOf(errand).updateOne({ _id: bad }, { $set: fields })
    const hidden = { id: bad, args: null, argsHidden: true, argsProblem: problem }
    const client = clientOf(errand)
    const { jobs } = (await client.jobs.list()) as { jobs: unknown[] }
    expect(jobs).toMatchObject([{ id: good, args: { a: 2 } }, hidden])
    expect(await client.jobs.get(bad)).toMatchObject(hidden)
    expect(await errand.get(bad)).toMatchObject(hidden)
    const rest = await errand.coordinator.fetch(new Request('http://coordinator.test/jobs'))
    expect(await rest.json()).toMatchObject({ jobs: [{ id: good }, hidden] })
    await errand.clock.advance('1s')
    expect((await errand.post('/jobs/replay', { dryRun: true, filter: { state: 'succeeded' } })).body.count).toBe(2)
  })

  it('are shown without their meta, where only that is not to be read', async () => {
    const { errand, bad, good } = await start()
    await using _ = errand
    await jobsOf(errand).updateOne(
      { _id: bad },
      { $set: { args: `{"a":"${'9'.repeat(5_000)}"}`, argsMeta: bigintMeta } },
    )
    expect(await clientOf(errand).jobs.list()).toMatchObject({
      jobs: [
        { id: good, args: { a: 2 } },
        { id: bad, args: { a: '9'.repeat(5_000) }, argsProblem: expect.stringContaining('1000 digits') as string },
      ],
    })
    expect(await errand.get(bad)).toMatchObject({ args: { a: '9'.repeat(5_000) } })
  })

  it('are not shown by a worker that redacts, either', async () => {
    await using errand = await testErrand({ shy })
    const id = await errand.enqueue('shy', { secret: 'hunter2' })
    await jobsOf(errand).updateOne({ _id: id }, { $set: { args: `{"secret":"hunter2","deep":${deep}}` } })
    expect(await errand.get(id)).toMatchObject({
      args: null,
      argsHidden: true,
      argsProblem: expect.stringContaining('levels') as string,
    })
    expect(JSON.stringify(await errand.get(id))).not.toContain('hunter2')
  })

  it('spoil no other replay of the same filter', async () => {
    const { errand, bad } = await start()
    await using _ = errand
    await jobsOf(errand).updateOne({ _id: bad }, { $set: { args: deeper } })
    const filter = { state: 'succeeded' }
    await errand.clock.advance('1s')
    const { token } = (await errand.post('/jobs/replay', { dryRun: true, filter })).body as { token: string }
    expect((await errand.post('/jobs/replay', { filter, token })).body).toMatchObject({
      matched: 2,
      done: 1,
      skipped: [{ id: bad, code: 'INVALID_ARGS' }],
    })
  })

  it('spoil no list of schedules, and keep no other schedule from firing', async () => {
    await using errand = await testErrand({ any })
    for (const id of ['a', 'b']) await errand.post('/schedules', { id, worker: 'any', every: '1m' })
    await errand.database.db
      .collection<{ _id: string }>('errand_schedules')
      .updateOne({ _id: 'a' }, { $set: { args: deeper } })
    expect(await clientOf(errand).schedules.list()).toMatchObject([
      { id: 'a', args: null, argsHidden: true, argsProblem: 'nested more than 100 levels deep' },
      { id: 'b', args: {} },
    ])
    await errand.clock.advance('1m')
    await errand.recur()
    expect(await jobsOf(errand).countDocuments({ scheduleId: 'b' })).toBe(1)
  })

  it('may hold names that superjson refuses', async () => {
    const { errand, good } = await start()
    await using _ = errand
    const args = '{"constructor":{"prototype":1},"toJSON":2}'
    await errand.post('/job', `{"worker":"any","args":${args}}`)
    const { jobs } = (await clientOf(errand).jobs.list()) as { jobs: { id: string; args: unknown }[] }
    expect(JSON.stringify(jobs[0]!.args)).toBe(args)
    expect(jobs[1]!.id).toBe(good)
  })
})

describe('a result that cannot be shown', () => {
  it.each([
    ['2,500 levels', { result: deep }],
    ['20,000 levels', { result: deeper }],
  ])('spoils no wait for others: %s', async (_what, fields) => {
    const { errand, bad, good } = await start()
    await using _ = errand
    await receiptsOf(errand).updateOne(ofJob(bad), { $set: fields })
    const hidden = { resultHidden: true, resultProblem: 'nested more than 100 levels deep' }
    const { body } = await errand.post('/trpc/jobs.waitMany', { json: { ids: [bad, good] } })
    const { ended } = body.result.data.json as { ended: { id: string; receipt: object }[] }
    expect(ended.find(({ id }) => id === bad)).toMatchObject({ receipt: hidden })
    expect(ended.find(({ id }) => id === good)).toMatchObject({ receipt: { result: 1 } })
    const client = clientOf(errand)
    const receipts = await Promise.allSettled([client.job(bad).result(), client.job(good).result()])
    expect(receipts[0]).toMatchObject({ status: 'rejected', reason: { code: 'UNREADABLE' } })
    expect(receipts[1]).toEqual({ status: 'fulfilled', value: 1 })
    expect(await client.jobs.get(bad)).toMatchObject({ receipts: [{ result: undefined, ...hidden }] })
  })

  it('is an error with more causes than are kept, or fields of a log that are too deep', async () => {
    const { errand, bad } = await start()
    await using _ = errand
    const error = JSON.parse(
      `${'{"name":"E","message":"m","cause":'.repeat(50)}{"name":"E","message":"m"}${'}'.repeat(50)}`,
    ) as object
    const line = `{"at":"2030-01-01T00:00:00.000Z","message":"hello","fields":${nestedJson(1_500)}}`
    await receiptsOf(errand).updateOne(ofJob(bad), { $set: { error, log: { lines: [line], dropped: 0 } } })
    const job = await clientOf(errand).jobs.get(bad)
    expect(job).toMatchObject({
      receipts: [{ log: [{ message: expect.stringMatching(/hello.*100 levels/) as string }] }],
    })
    expect(JSON.stringify(await errand.get(bad)).match(/"cause"/g)).toHaveLength(10)
  })

  it('does not keep the callback of its group from being made', async () => {
    const functions = handOperated()
    await using errand = await testErrand({ any, merge }, { invoke: functions.invoke })
    const { body } = await errand.post('/groups', {
      jobs: [1, 2, 3].map((n) => ({ worker: 'any', args: { n } })),
      then: 'merge',
    })
    await errand.claim()
    for (const result of [1, { constructor: 1 }, 3]) {
      const { answer } = await functions.next()
      answer({ kind: 'receipt', receipt: { status: 'success', result } })
    }
    const { call } = await functions.next()
    const { group } = call.args as { group: { members: { result?: unknown; resultProblem?: string }[] } }
    expect(group.members.map(({ result }) => result)).toEqual([1, undefined, 3])
    expect(group.members[1]!.resultProblem).toContain('constructor')
    expect(body.id).toBeDefined()
  })

  it('takes its place in the summary of its group, which may hold results of 100 levels', async () => {
    const functions = handOperated()
    await using errand = await testErrand({ any, merge }, { invoke: functions.invoke, concurrency: 1 })
    await errand.post('/groups', { jobs: [1, 2].map((n) => ({ worker: 'any', args: { n } })), then: 'merge' })
    await errand.claim()
    const first = await functions.next()
    const ended = new Promise((resolve) => errand.coordinator.deps.events.on('finished', resolve))
    first.answer({ kind: 'receipt', receipt: { status: 'success', result: 1 } })
    await ended
    const second = await functions.next()
    await receiptsOf(errand).updateOne(ofJob(first.call.id), { $set: { result: deeper } })
    second.answer({ kind: 'receipt', receipt: { status: 'success', result: JSON.parse(nestedJson(100)) as unknown } })
    const { call } = await functions.next()
    const { members } = (call.args as { group: { members: { result?: unknown }[] } }).group
    expect(members[0]).toMatchObject({
      state: 'succeeded',
      resultProblem: expect.stringContaining('100 levels') as string,
    })
    expect(JSON.stringify(members[1]!.result)).toBe(nestedJson(100))
    expect((await errand.get(call.id)).args).toMatchObject({ group: { total: 2 } })
  })
})
