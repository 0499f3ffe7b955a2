import { describe, expect, it } from 'vitest'
import { createInvokers } from '../../../server/functions/invokers.js'
import type { Answer, Invoke } from '../../../server/deps.js'

const answers = (result: string): Invoke => {
  const answer: Answer = { kind: 'receipt', receipt: { status: 'success', result } }
  return async () => answer
}

async function answerOf(url: string, more: Record<string, Invoke>): Promise<Answer> {
  const invokers = createInvokers({ connections: 1, mayBePrivate: () => true, more })
  const call = { worker: 'a', url, headers: {}, body: '{}', signal: new AbortController().signal, onAbort: () => {} }
  try {
    return await invokers.invoke(call)
  } finally {
    await invokers.close()
  }
}

describe('a function is called as the scheme of its address says', () => {
  it.each([
    ['queue:a', 'queue', 'by the queue'],
    ['https://functions.example.org/a', 'https', 'by a proxy'],
    ['lambda:eu-central-1:a', 'lambda', 'by another client'],
    ['arn:aws:lambda:eu-central-1:123456789012:function:a', 'lambda', 'by another client'],
  ])('%s by the invoker for %s', async (url, scheme, result) => {
    const more = { other: answers('by the other'), [scheme]: answers(result) }
    expect(await answerOf(url, more)).toMatchObject({ receipt: { result } })
  })

  it('and fails where nobody brought one, with what to do', async () => {
    expect(await answerOf('queue:a', {})).toEqual({
      kind: 'failed',
      code: 'NO_INVOKER',
      message: expect.stringMatching(/queue:.*`invokers`/) as string,
    })
  })
})
