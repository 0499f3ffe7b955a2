/**
 * Jobs that are replaced or put off around the moment when they are due: one caller for each key, so that it knows
 * which version it asked for last.
 */
import type { Caller } from './caller.js'
import { work } from './work.js'

export async function replacing(caller: Caller): Promise<void> {
  const { random } = caller
  const worker = random.chance(0.7) ? 'replaced' : 'debounced'
  const n = caller.next()
  const key = `${worker}-${n}`
  const delayMs = random.int(50, 500)
  const versions = random.int(2, 6)
  for (let v = 1; v <= versions; v++) {
    const askedAt = Date.now()
    // later versions are due at once, so that they meet the claim
    const delay = v === 1 || random.chance(0.3) ? { delay: `${delayMs}ms` } : {}
    const answer = await caller.call('POST', '/job', {
      worker,
      args: work(n, { v, key, ms: random.int(0, 50) }),
      ...delay,
    })
    const id = answer.body.id as string | undefined
    caller.note({ kind: 'replaced', worker, key, v, outcome: answer.outcome, askedAt, ...(id && { id }) })
    if (answer.outcome === 'acked' && id) caller.note({ kind: 'job', id, worker, n, existing: true })
    if (answer.outcome !== 'acked') break
    await caller.pause(random.chance(0.5) ? random.int(0, 40) : Math.max(0, delayMs + random.int(-60, 40)))
  }
  await caller.pause(random.int(200, 1_500))
}
