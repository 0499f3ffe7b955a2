/**
 * How long after a fault work goes on again: a job that is asked for where it struck is acknowledged, and has
 * succeeded.
 */
import type { Caller } from '../load/caller.js'
import { work } from '../load/work.js'

const limitMs = 120_000
const pauseMs = 200

/**
 * Milliseconds since `since`, for the slowest of these wings; `undefined` where one did not come back within two
 * minutes.
 */
export async function recovery(prober: Caller, wings: readonly number[], since: number): Promise<number | undefined> {
  const times = await Promise.all(wings.map((wing) => recoveryOf(prober, wing, since)))
  return times.some((ms) => ms === undefined) ? undefined : Math.max(...(times as number[]))
}

async function recoveryOf(prober: Caller, wing: number, since: number): Promise<number | undefined> {
  const id = await untilAnswer(since, async () => {
    const args = work(prober.next())
    const { outcome, body } = await prober.call('POST', '/job', { worker: 'probe', args }, { wing, timeoutMs: 3_000 })
    if (outcome !== 'acked') return undefined
    prober.note({ kind: 'job', id: body.id, worker: 'probe', n: args.n })
    return body.id as string
  })
  if (id === undefined) return undefined
  return untilAnswer(since, async () => {
    const { status, body } = await prober.call('GET', `/job/${id}`, undefined, { timeoutMs: 3_000 })
    return status === 200 && body.state === 'succeeded' ? Date.now() - since : undefined
  })
}

async function untilAnswer<Value>(since: number, ask: () => Promise<Value | undefined>): Promise<Value | undefined> {
  while (Date.now() - since < limitMs) {
    const answer = await ask()
    if (answer !== undefined) return answer
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
  return undefined
}
