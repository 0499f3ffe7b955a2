/** Calls of `errand dev` to functions whose process ends: its port is closed before its end is heard of. */
import { describe, expect, it } from 'vitest'
import { waitingInvoke } from '../../cli/dev/waitingInvoke.js'
import type { Answer, Call } from '../../server/deps.js'

const refused: Answer = { kind: 'failed', code: 'UNREACHABLE', message: 'refused' }
const done: Answer = { kind: 'receipt', receipt: { status: 'success', result: null } }

/**
 * Functions that answer so, one call after the other, and whose process ends and is started again when the test says
 * so.
 */
function functionsThat(...answers: Answer[]) {
  let end = () => {}
  let start = () => {}
  const ended = new Promise<void>((resolve) => (end = resolve))
  let starting = Promise.resolve()
  const asked: string[] = []
  return {
    asked,
    end() {
      starting = new Promise((resolve) => (start = resolve))
      end()
    },
    start: () => start(),
    ready: () => starting,
    ended: () => ended,
    invoke: async ({ worker }: Call) => {
      asked.push(worker)
      return answers.shift()!
    },
  }
}

const callThat = (signal: AbortSignal = new AbortController().signal): Call => ({
  worker: 'mail',
  url: 'http://functions.test/mail',
  headers: {},
  body: '',
  signal,
  onAbort: (listener) => signal.addEventListener('abort', listener),
})
const turns = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe('a call that nobody took', () => {
  it('is made once more when the process has ended and was started again', async () => {
    const functions = functionsThat(refused, done)
    const answer = waitingInvoke(functions, functions.invoke)(callThat())
    await turns()
    functions.end()
    await turns()
    expect(functions.asked).toHaveLength(1)
    functions.start()
    expect(await answer).toEqual(done)
  })

  it('has failed where the process goes on', async () => {
    const functions = functionsThat(refused)
    expect(await waitingInvoke(functions, functions.invoke, 1)(callThat())).toEqual(refused)
  })

  it('waits no longer than it may take', async () => {
    const functions = functionsThat(refused, { kind: 'aborted' })
    const over = new AbortController()
    const answer = waitingInvoke(functions, functions.invoke)(callThat(over.signal))
    await turns()
    over.abort()
    expect(await answer).toEqual({ kind: 'aborted' })
  })
})

it('a call that was sent is not made again', async () => {
  const broken: Answer = { ...refused, mayRun: true }
  const functions = functionsThat(broken)
  functions.end()
  functions.start()
  expect(await waitingInvoke(functions, functions.invoke)(callThat())).toEqual(broken)
})
