/** What people do by hand: cancel, retry, replay, pause, resume, and wait for a job's end. */
import type { Caller } from './caller.js'
import { behaviour, work } from './work.js'

/** A job that is cancelled somewhere on its way. */
export async function canceller(caller: Caller): Promise<void> {
  const { random } = caller
  const worker = random.pick(['plain', 'limited', 'posted'])
  const { outcome, body } = await caller.enqueue({
    worker,
    args: work(caller.next(), { key: random.pick(['a', 'b']), ...behaviour(random, 3_000) }),
    ...(random.chance(0.4) && { delay: `${random.int(100, 1_000)}ms` }),
  })
  if (outcome === 'acked') {
    await caller.pause(random.int(0, 1_200))
    const askedAt = Date.now()
    const cancelled = await caller.call('DELETE', `/job/${body.id}`)
    caller.note({ kind: 'cancelled', id: body.id, outcome: cancelled.outcome, askedAt })
  }
  await caller.pause(random.int(500, 3_000))
}

/** A job that fails for good, and is retried or replayed by hand. */
export async function retrier(caller: Caller): Promise<void> {
  const { random } = caller
  const n = caller.next()
  const { outcome, body } = await caller.enqueue({ worker: 'doomed', args: work(n, { how: 'fail', times: 2 }) })
  if (outcome !== 'acked') return
  const { id } = body
  if (!(await untilFinal(caller, id))) return
  if (random.chance(0.5)) {
    const askedAt = Date.now()
    const retried = await caller.call('POST', `/job/${id}/retry`, {})
    caller.note({ kind: 'retried', id, outcome: retried.outcome, askedAt })
  } else {
    const replayed = await caller.call('POST', `/job/${id}/replay`, { args: work(caller.next()) })
    const newId = replayed.body.id as string | undefined
    caller.note({ kind: 'replayed', id, outcome: replayed.outcome, ...(newId && { newId }) })
  }
  await caller.pause(random.int(500, 3_000))
}

/** Waits by long polls, as any language may; what it is told must stay so. */
export async function follower(caller: Caller): Promise<void> {
  const { random } = caller
  const { outcome, body } = await caller.enqueue({
    worker: 'plain',
    args: work(caller.next(), behaviour(random, 5_000, 300)),
  })
  if (outcome === 'acked') await untilFinal(caller, body.id)
  await caller.pause(random.int(500, 2_000))
}

async function untilFinal(caller: Caller, id: string): Promise<boolean> {
  while (!caller.over.aborted) {
    const { status, body } = await caller.call('GET', `/job/${id}/receipt?timeout=5s`)
    if (status === 200) {
      const { attempt, status: ended } = (body.receipt ?? {}) as { attempt?: number; status?: string }
      caller.note({ kind: 'told', id, state: body.state, ...(attempt && { attempt }), ...(ended && { status: ended }) })
      return true
    }
    if (status !== 202) await caller.pause(500)
  }
  return false
}

/** Pauses a worker, or a key of it, for a while. */
export async function pauser(caller: Caller): Promise<void> {
  const { random } = caller
  const key = random.chance(0.5) ? random.pick(['p', 'q']) : undefined
  const what = key === undefined ? 'pausable' : `pausable ${key}`
  let askedAt = Date.now()
  const pause = await caller.call('POST', '/pauses', { worker: 'pausable', ...(key && { key }) })
  caller.note({ kind: 'paused', what, outcome: pause.outcome, askedAt })
  for (let left = random.int(1, 4); left > 0; left--) {
    await caller.enqueue({ worker: 'pausable', args: work(caller.next(), { key: random.pick(['p', 'q']) }) })
    await caller.pause(random.int(200, 1_000))
  }
  for (;;) {
    askedAt = Date.now()
    const resume = await caller.call('DELETE', `/pauses?worker=pausable${key ? `&key=${key}` : ''}`)
    caller.note({ kind: 'resumed', what, outcome: resume.outcome, askedAt })
    if (resume.outcome !== 'unknown') break
    await caller.pause(500)
    if (caller.over.aborted) break
  }
  await caller.pause(random.int(2_000, 6_000))
}
