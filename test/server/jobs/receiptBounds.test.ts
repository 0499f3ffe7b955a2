import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { readAnswer } from '../../../server/functions/invoke.js'
import type { ReceiptError } from '../../../core/requests/wire.js'
import { testErrand } from '../../support/errand.js'
import { handOperated, pathOf } from '../../support/handOperated.js'
import { nestedJson } from '../../support/nested.js'
import type { Answer } from '../../../server/deps.js'

const work = defineJob({ args: z.object({}), retry: { attempts: 1 }, timeout: '20s', run: () => null })
const many = defineJob({ args: z.object({}), jobsPerCall: 3, retry: { attempts: 1 }, run: () => null })

async function answering() {
  const functions = handOperated()
  const errand = await testErrand({ work }, { invoke: functions.invoke })
  const id = await errand.enqueue('work')
  return { errand, id, ...(await functions.next()) }
}

const answered = (body: string): Answer => readAnswer(200, undefined, body)

const causes = (error: ReceiptError | undefined): number => (error?.cause ? 1 + causes(error.cause) : 0)
const failureWith = (depth: number) =>
  `{"status":"failure","error":${'{"name":"Error","message":"m","cause":'.repeat(depth)}{"name":"Error","message":"m"}${'}'.repeat(depth)}}`

describe('a function that answers with a value nested too deep', () => {
  it.each([
    ['a result', 101, `{"status":"success","result":${nestedJson(101)}}`],
    ['a result', 20_000, `{"status":"success","result":${nestedJson(20_000)}}`],
    ['a large result', 200_000, `{"status":"success","result":${nestedJson(200_000)}}`],
    ['a meta', 20_000, `{"status":"success","result":1,"resultMeta":${nestedJson(20_000)}}`],
  ])('has %s %i levels deep refused at once', async (_what, _levels, body) => {
    const { errand, id, answer } = await answering()
    await using _ = errand
    answer(answered(body))
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(id)).toMatchObject({
      state: 'failed',
      receipts: [{ error: { code: 'BAD_RECEIPT', message: expect.stringMatching(/ 100(000)? levels/) as string } }],
    })
  })

  it('may answer with 100 levels', async () => {
    const { errand, id, answer } = await answering()
    await using _ = errand
    answer(answered(`{"status":"success","result":${nestedJson(100)}}`))
    await errand.coordinator.dispatcher.idle()
    expect((await errand.get(id)).state).toBe('succeeded')
  })

  it.each([11, 200, 20_000])('has an error of %i causes cut, and never called unreachable', async (depth) => {
    const { errand, id, answer } = await answering()
    await using _ = errand
    answer(answered(failureWith(depth)))
    await errand.coordinator.dispatcher.idle()
    const { state, receipts } = await errand.get(id)
    expect(state).toBe('failed')
    expect(receipts[0]?.error).toMatchObject({ name: 'Error', message: 'm' })
    expect(causes(receipts[0]?.error)).toBe(10)
  })

  it('has the error cut as well where an invoker of its own did not read it', async () => {
    const { errand, id, answer } = await answering()
    await using _ = errand
    answer({ kind: 'receipt', receipt: JSON.parse(failureWith(200)) as never })
    await errand.coordinator.dispatcher.idle()
    expect(causes((await errand.get(id)).receipts[0]?.error)).toBe(10)
  })

  it('spoils no other receipt of the same call', async () => {
    const functions = handOperated()
    await using errand = await testErrand({ many }, { invoke: functions.invoke, concurrency: 1 })
    const ids = []
    for (let n = 0; n < 4; n++) ids.push((await errand.post('/job', { worker: 'many' })).body.id as string)
    const first = await functions.next()
    first.answer(answered('{"status":"success"}'))
    await errand.claim()
    const { answer } = await functions.next()
    answer(
      answered(
        `{"receipts":[{"status":"success"},{"status":"success","result":${nestedJson(500)}},{"status":"success"}]}`,
      ),
    )
    await errand.coordinator.dispatcher.idle()
    const states = await Promise.all(ids.map(async (id) => (await errand.get(id)).state))
    expect(states).toEqual(['succeeded', 'succeeded', 'failed', 'succeeded'])
  })
})

describe('a receipt that is posted with a value nested too deep', () => {
  it.each([
    ['result', `{"status":"success","result":${nestedJson(20_000)}}`],
    ['resultMeta', `{"status":"success","result":1,"resultMeta":${nestedJson(20_000)}}`],
    [
      'log.0.fields',
      `{"status":"success","log":[{"at":"2030-01-01T00:00:00Z","message":"m","fields":${nestedJson(500)}}]}`,
    ],
    [
      'log.0.fields',
      `{"status":"success","log":[{"at":"2030-01-01T00:00:00Z","message":"m","fields":${nestedJson(20_000)}}]}`,
    ],
  ])('is refused by its %s, and the function may post another', async (field, body) => {
    const { errand, id, call, answer } = await answering()
    await using _ = errand
    answer({ kind: 'accepted' })
    await errand.coordinator.dispatcher.idle()
    const refused = await errand.post(pathOf(call), body)
    expect(refused).toMatchObject({ status: 400, body: { error: { code: 'BAD_REQUEST' } } })
    expect((refused.body.error.issues as { path: string[] }[])[0]!.path.join('.')).toBe(field)
    expect(refused.body.error.message).toContain('100 levels')
    expect((await errand.post(pathOf(call), { status: 'success' })).status).toBe(200)
    expect((await errand.get(id)).state).toBe('succeeded')
  })

  it('has the causes of its error cut', async () => {
    const { errand, id, call, answer } = await answering()
    await using _ = errand
    answer({ kind: 'accepted' })
    await errand.coordinator.dispatcher.idle()
    expect((await errand.post(pathOf(call), failureWith(15_000))).status).toBe(200)
    expect(causes((await errand.get(id)).receipts[0]?.error)).toBe(10)
  })

  it('is refused without its token by that alone', async () => {
    const { errand, id } = await answering()
    await using _ = errand
    expect((await errand.post(`/job/${id}/receipt`, failureWith(15_000))).status).toBe(401)
  })
})

it('refuses a report whose fields are nested too deep', async () => {
  const { errand, call } = await answering()
  await using _ = errand
  const log = (levels: number) => `{"log":[{"at":"2030-01-01T00:00:00Z","message":"m","fields":${nestedJson(levels)}}]}`
  expect((await errand.post(pathOf(call, 'progress'), log(101))).status).toBe(400)
  expect((await errand.post(pathOf(call, 'progress'), log(5_000))).status).toBe(400)
  expect((await errand.post(pathOf(call, 'progress'), log(100))).status).toBe(200)
})
