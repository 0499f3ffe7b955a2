import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../core/index.js'
import type { Answer } from '../../server/invoke.js'
import { testErrand } from '../support/errand.js'

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
