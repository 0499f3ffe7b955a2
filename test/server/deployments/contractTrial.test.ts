import { describe, expect, it } from 'vitest'
import { Worker } from 'node:worker_threads'
import { systemClock } from '../../../core/time/clock.js'
import type { ErrandError } from '../../../core/errors.js'
import { createContractTrial, type ContractTrialOptions } from '../../../server/deployments/contractTrial.js'
import { endless, trialByHand } from './trials.js'

/** What is wrong with contracts, or `undefined`. */
const problemOf = (text: string, options: ContractTrialOptions = {}): Promise<ErrandError | undefined> =>
  createContractTrial(options)(text).then(
    () => undefined,
    (error: ErrandError) => error,
  )

describe('contracts that are tried in a thread', () => {
  it.each([
    ['define', 'export default { mail: async () => ({}) }'],
    ['print', 'console.log("a"); console.error("b"); export default {}'],
    ['leave a timer behind', 'setInterval(() => {}, 1000); export default {}'],
    ['leave a promise behind that is never kept', 'new Promise(() => {}); export default {}'],
  ])('may be loaded where they %s', async (_, text) => {
    expect(await problemOf(text, { quietMs: 50 })).toBeUndefined()
  })

  it.each([
    ['throw', 'throw new Error("no key.")', 'The contracts cannot be loaded: no key. A contract only'],
    ['throw a text', 'throw "no key"', 'The contracts cannot be loaded: no key. A contract only'],
    [
      'throw what cannot be read',
      'export default { mail() { throw new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 1 } }) } }',
      'cannot be read',
    ],
    ['do not parse', 'export default {', 'The contracts cannot be loaded: Unexpected end of input'],
    ['are none', 'export const a = 1', 'The contracts cannot be loaded: '],
    ['need a package', 'import "stripe"', '"stripe" from "the contracts"'],
    [
      'throw in one worker',
      'export default { a: async () => ({}), "mail.send": async () => { throw new Error("no key") } }',
      'The contract of mail.send cannot be loaded: no key.',
    ],
    ['await for ever', 'await new Promise(() => {}); export default {}', 'it waits for what never comes'],
    [
      'await for ever in one worker',
      'export default { mail: () => new Promise(() => {}) }',
      'The contract of mail cannot be loaded: it waits for what never comes',
    ],
    ['end the process', 'process.exit(0)', 'it calls process.exit'],
    ['end the process later', 'setTimeout(() => process.exit(0), 10); export default {}', 'it calls process.exit'],
    [
      'throw later',
      'setTimeout(() => { throw new Error("late") }, 10); export default {}',
      'The contracts cannot be loaded: they threw after they were loaded: late.',
    ],
    [
      'leave a rejection to nobody',
      'Promise.reject(new Error("late")); export default {}',
      'they threw after they were loaded: late.',
    ],
  ])('are refused where they %s', async (_, text, message) => {
    const problem = await problemOf(text, { clock: endless })
    expect(problem).toMatchObject({ code: 'BAD_REQUEST' })
    expect(problem!.message).toContain(message)
    expect(problem!.message).toContain('`errand codegen`')
    expect(problem!.message).not.toContain('base64')
  })

  it.each([
    ['loop', undefined, 'while (true);', 'The contracts cannot be loaded: it is not done within 1s'],
    [
      'loop in one worker',
      'mail',
      'export default { a: async () => ({}), mail: () => { for (;;); } }',
      'The contract of mail cannot be loaded: it is not done within 1s',
    ],
    [
      'wait, with a timer that goes on',
      undefined,
      'setInterval(() => {}, 10); await new Promise(() => {})',
      'it is not done within 1s',
    ],
  ])('are refused in time where they %s, and this thread goes on meanwhile', async (_, worker, text, message) => {
    const { begun, ring, ...byHand } = trialByHand(worker)
    const problem = problemOf(text, { limitMs: 1_000, ...byHand })
    await begun
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 1))
    ring()
    expect((await problem)?.message).toContain(message)
  })

  it('are refused where they take too much memory', async () => {
    const problem = await problemOf('const all = []; for (;;) all.push(new Array(1000).fill(all.length))', {
      limitMb: 32,
      clock: endless,
    })
    expect(problem?.message).toContain('it takes more than 32 MB of memory')
  })

  it('are tried once where they pass, and once a minute where they do not', async () => {
    let [now, threads] = [0, 0]
    class Counted extends Worker {
      constructor(...start: ConstructorParameters<typeof Worker>) {
        super(...start)
        threads++
      }
    }
    const trial = createContractTrial({ Thread: Counted, clock: { ...systemClock, now: () => new Date(now) } })
    const bad = 'throw new Error("no")'
    for (const minute of [0, 0, 0.9, 1, 1]) {
      now = minute * 60_000
      await trial('export default {}')
      await expect(trial(bad)).rejects.toThrow('The contracts cannot be loaded: no.')
    }
    expect(threads).toBe(3)
  })

  it('cannot be tried where no thread can be started, which is said', async () => {
    const Thread = function none() {
      throw Object.assign(new Error('no'), { code: 'ERR_ACCESS_DENIED' })
    } as unknown as typeof Worker
    const problem = await problemOf('export default {}', { Thread })
    expect(problem).toMatchObject({ code: 'UNAVAILABLE' })
    expect(problem!.message).toContain('none can be started here (ERR_ACCESS_DENIED)')
  })
})
