/** Jobs by themselves: at once and later, one by one and many, with limits, rates and keys. */
import type { Caller, JobRequest } from './caller.js'
import { behaviour, work } from './work.js'

const timeouts: Record<string, number> = { plain: 5_000, posted: 3_000, limited: 4_000, narrow: 3_000 }

export async function plain(caller: Caller): Promise<void> {
  const { random } = caller
  const n = caller.next()
  const delay = random.chance(0.3) ? { delay: `${random.int(100, 4_000)}ms` } : {}
  const priority = random.chance(0.2) ? { priority: random.int(-50, 50) } : {}
  await caller.enqueue({ worker: 'plain', args: work(n, behaviour(random, timeouts['plain']!)), ...delay, ...priority })
  await caller.pause(random.int(0, 500))
}

export async function posted(caller: Caller): Promise<void> {
  const { random } = caller
  await caller.enqueue({
    worker: 'posted',
    args: work(caller.next(), behaviour(random, timeouts['posted']!, random.chance(0.3) ? 7_000 : 1_000)),
  })
  await caller.pause(random.int(200, 1_500))
}

/** Many in one request, each for itself; those of `quick` travel together to their function too. */
export async function many(caller: Caller): Promise<void> {
  const { random } = caller
  const jobs: JobRequest[] = Array.from({ length: random.int(2, 25) }, () => ({
    worker: random.chance(0.7) ? 'quick' : 'plain',
    args: work(caller.next(), { ms: random.int(0, 50) }),
  }))
  const { outcome, body } = await caller.call('POST', '/jobs', { jobs })
  for (const [index, { worker, args }] of jobs.entries()) {
    const each = outcome === 'acked' ? body.outcomes[index] : undefined
    if (each?.ok) caller.note({ kind: 'job', id: each.id, worker, n: args.n })
    else caller.note({ kind: 'maybe', worker, n: args.n })
  }
  await caller.pause(random.int(1_000, 4_000))
}

export async function limited(caller: Caller): Promise<void> {
  const { random } = caller
  const worker = random.chance(0.6) ? 'limited' : 'narrow'
  const key = random.pick(worker === 'limited' ? ['a', 'b'] : ['a', 'b', 'c'])
  const longestMs = worker === 'narrow' && random.chance(0.2) ? 5_000 : 600
  await caller.enqueue({
    worker,
    args: work(caller.next(), { key, ...behaviour(random, timeouts[worker]!, longestMs) }),
  })
  await caller.pause(random.int(500, 1_500))
}

export async function paced(caller: Caller): Promise<void> {
  const { random } = caller
  const key = random.pick(['x', 'y'])
  // now and then more at once than may start
  for (let left = random.chance(0.05) ? 20 : random.int(1, 3); left > 0; left--) {
    await caller.enqueue({ worker: 'paced', args: work(caller.next(), { key, ms: random.int(0, 100) }) })
  }
  await caller.pause(random.int(500, 2_000))
}

/** Jobs of a few keys, of which each is held by one job at a time. */
export async function once(caller: Caller): Promise<void> {
  const { random } = caller
  await caller.enqueue({
    worker: 'once',
    args: work(caller.next(), { key: `k${random.int(1, 6)}`, ms: random.int(0, 400) }),
    ...(random.chance(0.3) && { delay: `${random.int(100, 1_500)}ms` }),
  })
  await caller.pause(random.int(100, 800))
}

/**
 * One caller that asks again under its own key until it has an answer: there is one job in the end, whatever became of
 * the answers.
 */
export async function insistent(caller: Caller): Promise<void> {
  const { random } = caller
  const n = caller.next()
  const key = `insistent-${n}`
  const request: JobRequest = {
    worker: 'plain',
    args: work(n, { ms: random.int(0, 200) }),
    unique: { key, until: '1h', onConflict: 'return' },
  }
  while (!caller.over.aborted) {
    const { outcome, body } = await caller.enqueue(request)
    if (outcome === 'acked') caller.note({ kind: 'keyed', worker: 'plain', key, id: body.id })
    if (outcome !== 'unknown') break
    await caller.pause(300)
  }
  await caller.pause(random.int(500, 2_000))
}

export async function snoozer(caller: Caller): Promise<void> {
  const { random } = caller
  const readyAt = Date.now() + random.int(0, 4_000)
  await caller.enqueue({ worker: 'snoozer', args: { ...work(caller.next()), readyAt } })
  await caller.pause(random.int(1_000, 3_000))
}

/** Enqueues two jobs from inside, and may fail after it. */
export async function parent(caller: Caller): Promise<void> {
  const { random } = caller
  const how = random.chance(0.4) ? ({ how: 'fail', times: random.int(1, 2) } as const) : {}
  await caller.enqueue({ worker: 'parent', args: work(caller.next(), { ms: random.int(0, 300), ...how }) })
  await caller.pause(random.int(500, 2_500))
}
