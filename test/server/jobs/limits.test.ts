import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { policyProblems } from '../../../core/job/contract.js'
import { defineJob } from '../../../core/index.js'
import { parseSize } from '../../../core/payload/size.js'
import { testErrand } from '../../support/errand.js'
import { handOperated } from '../../support/handOperated.js'

const small = defineJob({
  args: z.object({ text: z.string() }),
  limits: { args: '100b', result: '50b' },
  retry: { attempts: 3 },
  run: ({ text }) => text,
})

describe('a worker that limits its args and result', () => {
  it('is not given larger args, in whatever letters, and the error does not repeat them', async () => {
    await using errand = await testErrand({ small })
    await errand.enqueue('small', { text: 'x'.repeat(40) })
    const refused = errand.enqueue('small', { text: 'ä'.repeat(50) })
    await expect(refused).rejects.toThrow(
      /413.*PAYLOAD_TOO_LARGE.*larger than small takes \(100 B, by its limits\.args\)/,
    )
    await expect(refused).rejects.not.toThrow('ä')
  })

  it('fails for good with a larger result', async () => {
    await using errand = await testErrand({ small })
    const fits = await errand.enqueue('small', { text: 'x'.repeat(48) })
    const tooLarge = await errand.enqueue('small', { text: 'x'.repeat(49) })
    await errand.coordinator.dispatcher.idle()
    expect((await errand.get(fits)).state).toBe('succeeded')
    expect(await errand.get(tooLarge)).toMatchObject({
      state: 'failed',
      receipts: [
        {
          error: {
            code: 'RESULT_TOO_LARGE',
            message: expect.stringContaining(
              'takes 51 bytes as JSON, and its worker allows 50 (limits.result)',
            ) as string,
          },
        },
      ],
    })
  })
})

describe('a function in another language', () => {
  const large = { status: 'success', result: 'x'.repeat(49) } as const

  it('fails for good with a larger result than its worker allows', async () => {
    const functions = handOperated()
    await using errand = await testErrand({ small }, { invoke: functions.invoke })
    const id = await errand.enqueue('small', { text: '' })
    const { answer } = await functions.next()
    answer({ kind: 'receipt', receipt: large })
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(id)).toMatchObject({ state: 'failed', receipts: [{ error: { code: 'RESULT_TOO_LARGE' } }] })
  })

  it('hears that the result it posts is larger than its worker allows, and may post another', async () => {
    const functions = handOperated()
    await using errand = await testErrand({ small }, { invoke: functions.invoke })
    const id = await errand.enqueue('small', { text: '' })
    const { call, answer } = await functions.next()
    answer({ kind: 'accepted' })
    await errand.coordinator.dispatcher.idle()
    const { pathname, search } = new URL(call.receipt)
    expect(await errand.post(pathname + search, large)).toMatchObject({
      status: 413,
      body: { error: { code: 'PAYLOAD_TOO_LARGE', maxBytes: 50 } },
    })
    await errand.post(pathname + search, { status: 'success', result: 'small' })
    expect((await errand.get(id)).state).toBe('succeeded')
  })
})

it.each([
  ['5', undefined],
  ['-1kb', undefined],
  ['1.5mb', 1_500_000],
  ['12b', 12],
  [12, undefined],
])('reads %s as %s bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes)
})

it.each([
  [{ args: '8mb' }, 'limits.args'],
  [{ result: '5mb' }, 'limits.result'],
  [{ args: '0b' }, 'limits.args'],
  [{ args: 100 }, 'limits.args'],
  [{ arg: '1kb' }, 'limits.arg'],
])('refuses %j', (limits, path) => {
  const problems = policyProblems({ args: z.object({}), limits } as never)
  expect(problems.map((problem) => problem.path.join('.'))).toEqual([path])
})
