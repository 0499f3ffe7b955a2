/** Functions that answer when, and what, a test says. */
import type { FunctionCall } from '../../core/requests/wire.js'
import type { Call, Answer, Invoke } from '../../server/deps.js'

export function handOperated() {
  const calls: { call: FunctionCall; answer: (answer: Answer) => void; signal: AbortSignal }[] = []
  const arrivals: (() => void)[] = []
  const invoke: Invoke = ({ body, signal }: Call) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve({ kind: 'aborted' }), { once: true })
      calls.push({ call: JSON.parse(body) as FunctionCall, answer: resolve, signal })
      arrivals.shift()?.()
    })
  return {
    invoke,
    async next() {
      if (calls.length === 0) await new Promise<void>((resolve) => arrivals.push(resolve))
      return calls.shift()!
    },
  }
}

/** The path of an attempt's own address: for its receipt, or for what stands beside that. */
export const pathOf = ({ receipt }: FunctionCall, end = 'receipt'): string => {
  const url = new URL(receipt)
  return url.pathname.replace(/receipt$/, end) + url.search
}
