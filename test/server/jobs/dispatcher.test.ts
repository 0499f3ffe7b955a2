import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { readAnswer } from '../../../server/functions/invoke.js'
import { gate } from '../../client/support.js'
import { testErrand } from '../../support/errand.js'
import { handOperated } from '../../support/handOperated.js'
import type { Answer } from '../../../server/deps.js'

const work = defineJob({ args: z.object({}), run: () => null })

describe('with a backlog and a database that fails', () => {
  it('tells of one failure once, however many jobs came meanwhile', async () => {
    const told: string[] = []
    await using errand = await testErrand({ work }, { log: (_, message) => told.push(message) })
    const { store, events } = errand.coordinator.deps
    let fail = (_: Error): void => {}
    store.jobs.claimable = () => new Promise((_, reject) => (fail = reject))
    for (let n = 0; n < 20; n++) events.emit('queued', undefined)
    fail(new Error('the database is away'))
    await expect(errand.coordinator.dispatcher.pump()).rejects.toThrow('the database is away')
    await new Promise(setImmediate)
    expect(told).toEqual(['could not claim jobs; trying again soon'])
  })

  it('leaves asking again to the loop, and does not spin', async () => {
    const answers: ((answer: Answer) => void)[] = []
    const invoke = () => new Promise<Answer>((resolve) => answers.push(resolve))
    await using errand = await testErrand({ work }, { concurrency: 1, invoke })
    for (let n = 0; n < 3; n++) await errand.enqueue('work')
    const { jobs } = errand.coordinator.deps.store
    const { claimable } = jobs
    let asked = 0
    jobs.claimable = async () => {
      asked++
      // not by promises alone, which would never let the test go on
      await new Promise(setImmediate)
      throw new Error('the database is away')
    }
    answers[0]!({ kind: 'receipt', receipt: { status: 'success' } })
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
    expect(asked).toBeGreaterThan(0)
    expect(asked).toBeLessThan(4)

    jobs.claimable = claimable
    await errand.claim() // as the loop does
    expect(answers).toHaveLength(2)
    answers[1]!({ kind: 'receipt', receipt: { status: 'success' } })
    while (answers.length < 3) await new Promise(setImmediate)
    answers[2]!({ kind: 'receipt', receipt: { status: 'success' } })
    await errand.coordinator.dispatcher.idle()
  })
})

describe('with large results and a database that is slow', () => {
  it('begins no more calls while those that were answered hold enough memory', async () => {
    const functions = handOperated()
    await using errand = await testErrand({ work }, { concurrency: 1, invoke: functions.invoke })
    const { store, writes } = errand.coordinator.deps
    const insertMany = store.receipts.insertMany.bind(store.receipts)
    const slow = gate()
    store.receipts.insertMany = async (receipts) => {
      await slow.opened
      return insertMany(receipts)
    }
    const settle = writes.settle
    let settling = 0
    const both = gate()
    writes.settle = (settlement) => {
      if (++settling === 2) both.open()
      return settle(settlement)
    }
    for (let n = 0; n < 3; n++) await errand.enqueue('work')
    const large = { kind: 'receipt', receipt: { status: 'success' }, size: 16_000_000 } as const
    for (let n = 0; n < 2; n++) (await functions.next()).answer(large)
    await both.opened
    expect(errand.coordinator.dispatcher.counts()).toEqual({ started: 2, finished: 2 })
    slow.open()
    ;(await functions.next()).answer(large)
    await errand.coordinator.dispatcher.idle()
    expect(errand.coordinator.dispatcher.counts()).toEqual({ started: 3, finished: 3 })
  })
})

describe('an answer', () => {
  it('says how large it is, where it is not small', () => {
    const answer = (length: number) =>
      readAnswer(200, undefined, `{"status":"success","result":"${'x'.repeat(length)}"}`)
    expect(answer(4_000)).toEqual({ kind: 'receipt', receipt: expect.anything() as unknown })
    expect(answer(10_000)).toMatchObject({ kind: 'receipt', size: 10_032 })
    expect(answer(1_000_000)).toMatchObject({ kind: 'receipt', size: 1_000_032 })
    const two = `{"receipts":[${`{"status":"success","result":"${'x'.repeat(5_000)}"},`.repeat(2).slice(0, -1)}]}`
    expect(readAnswer(200, undefined, two)).toMatchObject({ kind: 'receipts', size: two.length })
  })
})
