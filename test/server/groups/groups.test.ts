import type { Duration } from '../../../core/time/duration.js'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob, groupSummary, type GroupSummary } from '../../../core/index.js'
import { sweepGroups } from '../../../server/groups/sweep.js'
import { sweepAtomicRequests } from '../../../server/jobs/atomic.js'
import { testErrand, type TestErrand, type TestErrandOptions, type TestWorkers } from '../../support/errand.js'
import { runs } from '../../support/effort.js'

/** What the callbacks of this test got. */
let merged: { label?: string; group: GroupSummary }[] = []

const workers = {
  part: defineJob({
    args: z.object({ n: z.number(), fails: z.boolean().default(false) }),
    retry: { attempts: 1 },
    run: ({ n, fails }) => {
      if (fails) throw Object.assign(new Error(`part ${n} fails`), { code: 'ODD' })
      return { n, at: new Date(n) }
    },
  }),
  merge: defineJob({
    args: z.object({ label: z.string().optional(), group: groupSummary() }),
    run: ({ label, group }) => {
      merged.push({ ...(label === undefined ? {} : { label }), group: group as GroupSummary })
      return { merged: group.total }
    },
  }),
  strict: defineJob({
    args: z.strictObject({ month: z.string(), group: groupSummary(z.object({ n: z.number() })) }),
    run: () => null,
  }),
  picky: defineJob({
    args: z.object({ group: groupSummary().refine(({ failed }) => failed === 0, 'takes no failures') }),
    run: () => null,
  }),
  alone: defineJob({
    args: z.object({ n: z.number() }),
    unique: { key: ({ n }) => String(n), onConflict: 'return' },
    run: () => null,
  }),
  single: defineJob({
    args: z.object({ group: groupSummary() }),
    unique: { key: () => 'one', onConflict: 'return' },
    run: () => null,
  }),
  mail: defineJob({ args: z.strictObject({ to: z.string() }), run: () => null }),
}

async function start(options: TestErrandOptions = {}, given: object = workers): Promise<TestErrand> {
  if (!options.beside) merged = []
  return testErrand(given as TestWorkers, options)
}

const part = (n: number, more: object = {}) => ({ worker: 'part', args: { n }, ...more })
const failing = (n: number, more: object = {}) => ({ worker: 'part', args: { n, fails: true }, ...more })
const parts = (count: number, more: object = {}) => Array.from({ length: count }, (_, n) => part(n, more))

const make = async (errand: TestErrand, jobs: unknown[], more: object = {}): Promise<string> => {
  const { status, body } = await errand.post('/groups', { jobs, ...more })
  if (status !== 201) throw new Error(JSON.stringify(body))
  return body.id as string
}
const call = async ({ coordinator }: TestErrand, method: string, path: string) => {
  const response = await coordinator.fetch(new Request(`http://coordinator.test${path}`, { method }))
  return { status: response.status, body: await response.json() }
}
const get = async (errand: TestErrand, id: string) => (await call(errand, 'GET', `/groups/${id}`)).body
const jobsOf = async (errand: TestErrand, id: string, query = '?limit=500') =>
  (await call(errand, 'GET', `/groups/${id}/jobs${query}`)).body.jobs
/** Until nothing is left that could run now: a callback is made when the jobs before it have run. */
const runAll = async (errand: TestErrand) => {
  for (let round = 0; round < 4; round++) await errand.run()
}
const stored = ({ database }: TestErrand, name: string) =>
  database.db.collection<{ _id: string; [field: string]: unknown }>(`errand_${name}`).find().sort({ _id: 1 }).toArray()
const lost = () => Promise.reject(new Error('connection lost'))

describe('a group', () => {
  it('runs its callback once when all members are final, with a summary of their receipts', async () => {
    await using errand = await start()
    const id = await make(errand, [part(1), failing(2), part(3, { delay: '1h' })], {
      then: { worker: 'merge', args: { label: 'march' } },
    })
    await runAll(errand)
    expect(merged).toEqual([])
    expect(await get(errand, id)).toMatchObject({
      id,
      state: 'open',
      policy: 'continue',
      total: 3,
      open: 1,
      counts: { succeeded: 1, failed: 1, scheduled: 1 },
      then: { worker: 'merge' },
    })

    await errand.clock.advance('1h')
    await runAll(errand)
    const [first, second, third] = await jobsOf(errand, id)
    expect(merged).toEqual([
      {
        label: 'march',
        group: {
          id,
          total: 3,
          succeeded: 2,
          failed: 1,
          cancelled: 0,
          members: [
            { id: first.id, worker: 'part', state: 'succeeded', result: { n: 1, at: new Date(1) } },
            {
              id: second.id,
              worker: 'part',
              state: 'failed',
              error: { name: 'Error', message: 'part 2 fails', code: 'ODD' },
            },
            { id: third.id, worker: 'part', state: 'succeeded', result: { n: 3, at: new Date(3) } },
          ],
          truncated: false,
        },
      },
    ])
    const closed = await get(errand, id)
    expect(closed).toMatchObject({ state: 'closed', open: 0, closedAt: '2030-01-01T01:00:00.000Z' })
    expect(await errand.get(closed.then.jobId)).toMatchObject({
      worker: 'merge',
      state: 'succeeded',
      callbackOfGroupId: id,
      receipts: [{ result: { merged: 3 } }],
    })
    expect(await errand.get(first.id)).toMatchObject({ groupId: id })
  })

  it('needs no callback, and no members', async () => {
    await using errand = await start()
    const plain = await make(errand, parts(2))
    const empty = await make(errand, [], { then: 'merge' })
    await runAll(errand)
    expect(await get(errand, plain)).toMatchObject({ state: 'closed', counts: { succeeded: 2 } })
    expect(merged).toMatchObject([{ group: { id: empty, total: 0, members: [], truncated: false } }])
  })

  it('of 10,000 members runs its callback once, after the last, with a summary that fits into a request', async () => {
    await using errand = await start({ concurrency: 1_000 })
    const looks = countCalls(errand.coordinator.deps.store.groups, 'hasOpenMembers')
    const writes = countCalls(errand.coordinator.deps.store.receipts, 'insertMany')
    const jobs = Array.from({ length: 10_000 }, (_, n) => (n % 1_000 === 0 ? failing(n) : part(n)))
    const id = await make(errand, jobs, { then: 'merge' })
    await runAll(errand)
    expect(merged).toHaveLength(1)
    const { group } = merged[0]!
    expect(group).toMatchObject({ total: 10_000, succeeded: 9_990, failed: 10, cancelled: 0, truncated: 'members' })
    expect(group.members.map(({ error }) => error!.message)).toEqual(
      Array.from({ length: 10 }, (_, n) => `part ${n * 1_000} fails`),
    )
    expect(await get(errand, id)).toMatchObject({ state: 'closed', counts: { succeeded: 9_990, failed: 10 } })
    // one look for each gathered write, not one for each member
    expect(looks()).toBeLessThanOrEqual(2 * writes() + 10)
  })

  it('leaves out results first, then errors, and keeps every member as long as it can', async () => {
    const long = 'x'.repeat(9_000)
    const wordy = defineJob({
      args: z.object({ fails: z.boolean() }),
      retry: { attempts: 1 },
      run: ({ fails }) => {
        if (fails) throw new Error(long)
        return long
      },
    })
    await using errand = await start({}, { ...workers, wordy })
    const wordies = (ok: number, fails: number) =>
      [...Array<boolean>(ok).fill(false), ...Array<boolean>(fails).fill(true)].map((fails) => ({
        worker: 'wordy',
        args: { fails },
      }))
    for (const jobs of [wordies(50, 5), wordies(60, 5), wordies(10, 60)]) {
      await make(errand, jobs, { then: 'merge' })
      await runAll(errand)
    }
    const told = merged.map(({ group: { members, truncated } }) => ({
      members: members.length,
      truncated,
      results: members.filter(({ result }) => result !== undefined).length,
      errors: members.filter(({ error }) => error !== undefined).length,
    }))
    expect(told).toEqual([
      { members: 55, truncated: false, results: 50, errors: 5 },
      { members: 65, truncated: 'results', results: 0, errors: 5 },
      { members: 70, truncated: 'results', results: 0, errors: 0 },
    ])
  })

  it('pages through its jobs in the order in which they were given', async () => {
    await using errand = await start()
    const id = await make(errand, parts(5, { delay: '1h' }))
    const { body: first } = await call(errand, 'GET', `/groups/${id}/jobs?limit=3`)
    const { body: second } = await call(errand, 'GET', `/groups/${id}/jobs?limit=3&cursor=${first.cursor}`)
    expect([...first.jobs, ...second.jobs].map(({ args }) => args.n)).toEqual([0, 1, 2, 3, 4])
    expect(second.cursor).toBe(null)
    expect(await jobsOf(errand, id, '?state=failed')).toEqual([])
    expect((await call(errand, 'GET', `/groups/${id}/jobs?limit=501`)).status).toBe(400)
    expect(await call(errand, 'GET', '/groups/nobody')).toMatchObject({
      status: 404,
      body: { error: { code: 'UNKNOWN_GROUP' } },
    })
  })
})

/** How often a function of a store was called. */
function countCalls<Name extends string>(store: Record<Name, (...args: never[]) => unknown>, name: Name): () => number {
  const called = store[name]
  let count = 0
  store[name] = (...args) => {
    count++
    return called(...args)
  }
  return () => count
}

describe('a request for a group', () => {
  const refusedWith = async (errand: TestErrand, jobs: unknown, more: object = {}) => {
    const { status, body } = await errand.post('/groups', { jobs, ...more })
    expect(await stored(errand, 'jobs')).toEqual([])
    expect(await stored(errand, 'groups')).toEqual([])
    return { status, code: body.error.code, issues: body.error.issues }
  }

  it('is refused as a whole, and names what is wrong where', async () => {
    await using errand = await start()
    const { issues, ...answer } = await refusedWith(
      errand,
      [
        part(1),
        { worker: 'part', args: {} },
        { group: [part(1), { worker: 'prat' }], then: 'mergee' },
        { group: [], polciy: 'wait' },
      ],
      { then: { worker: 'merge', args: { label: 7 } } },
    )
    expect(answer).toEqual({ status: 400, code: 'ATOMIC_REFUSED' })
    expect(issues).toMatchObject([
      { path: ['jobs', 1, 'args', 'n'], code: 'invalid_type' },
      { path: ['jobs', 2, 'group', 1], code: 'unknown_worker' },
      { path: ['jobs', 2, 'then'], code: 'unknown_worker', message: expect.stringContaining('Did you mean "merge"?') },
      { path: ['jobs', 3, 'polciy'], code: 'unknown_field' },
      { path: ['then', 'args', 'label'], code: 'invalid_type' },
    ])
  })

  it.each([
    ['an unknown policy', { policy: 'waits' }],
    ['an unknown field', { than: 'merge' }],
    ['a callback of another kind', { then: 7 }],
    ['a callback with an unknown field', { then: { worker: 'merge', delay: '1h' } }],
  ])('is refused with %s', async (_, more) => {
    await using errand = await start()
    expect(await refusedWith(errand, [part(1)], more)).toMatchObject({ status: 400, code: 'BAD_REQUEST' })
  })

  it.each([
    ['that lacks args of its own', { then: 'strict' }, ['then', 'args', 'month']],
    ['that takes no summary', { then: { worker: 'mail', args: { to: 'a' } } }, ['then', 'args']],
    [
      'whose argsMeta do not fit',
      { then: { worker: 'merge', args: { label: 'x' }, argsMeta: { values: { label: [['custom', 'x']] } } } },
      ['then', 'argsMeta'],
    ],
  ])('is refused with a callback %s, before anything runs', async (_, more, path) => {
    await using errand = await start()
    expect(await refusedWith(errand, [part(1)], more)).toMatchObject({ status: 400, issues: [{ path }] })
  })

  it('is refused with a job whose key is taken, by another job or by another member', async () => {
    await using errand = await start()
    const alone = (n: number) => ({ worker: 'alone', args: { n } })
    expect(await refusedWith(errand, [alone(1), alone(2), { group: [alone(1)] }])).toMatchObject({
      issues: [{ path: ['jobs', 2, 'group', 0], code: 'key_taken' }],
    })
    const owner = await errand.enqueue('alone', { n: 1 }, { delay: '1h' })
    const { body } = await errand.post('/groups', { jobs: [alone(2), alone(1)] })
    expect(body.error.issues).toMatchObject([{ path: ['jobs', 1], message: expect.stringContaining(owner) }])
    expect(await stored(errand, 'groups')).toEqual([])
  })

  it('holds up to 10,000 members in all, and groups five deep', async () => {
    await using errand = await start()
    const deep = (depth: number): object => ({ group: depth === 1 ? [part(1)] : [deep(depth - 1)] })
    expect(await refusedWith(errand, [deep(5)])).toMatchObject({
      code: 'ATOMIC_REFUSED',
      issues: [{ code: 'too_deep', path: ['jobs', 0, 'group', 0, 'group', 0, 'group', 0, 'group', 0] }],
    })
    expect(await refusedWith(errand, [{ group: parts(6_000) }, { group: parts(4_000) }])).toMatchObject({
      code: 'BAD_REQUEST',
    })
    expect(await make(errand, [deep(4)])).toEqual(expect.any(String))
  })
})

describe('a member that fails', () => {
  it('does nothing to the others under `continue`', async () => {
    await using errand = await start()
    await make(errand, [failing(1), part(2)], { then: 'merge' })
    await runAll(errand)
    expect(merged).toMatchObject([{ group: { succeeded: 1, failed: 1 } }])
  })

  it('keeps its group open under `wait`, until it has succeeded', async () => {
    const mended = new Set<number>()
    const part = {
      ...workers.part,
      run: ({ n }: { n: number }) => (mended.has(n) ? n : Promise.reject(new Error('not yet'))),
    }
    await using errand = await start({}, { ...workers, part })
    const id = await make(errand, parts(2), { then: 'merge', policy: 'wait' })
    await runAll(errand)
    expect(await get(errand, id)).toMatchObject({ state: 'open', open: 2, counts: { failed: 2 } })
    await errand.clock.advance('7d')
    await sweepGroups(errand.coordinator.deps)
    const [first, second] = await jobsOf(errand, id)

    mended.add(0)
    await retry(errand, first.id)
    await retry(errand, second.id)
    await runAll(errand)
    expect(await get(errand, id)).toMatchObject({ state: 'open', open: 1, counts: { succeeded: 1, failed: 1 } })
    mended.add(1)
    await retry(errand, second.id)
    await runAll(errand)
    expect(merged).toMatchObject([{ group: { succeeded: 2, failed: 0 } }])
  })

  it('may be cancelled under `wait`, and then keeps it open no longer', async () => {
    await using errand = await start()
    const id = await make(errand, [failing(1), part(2)], { then: 'merge', policy: 'wait' })
    await runAll(errand)
    const [failed] = await jobsOf(errand, id)
    expect(await call(errand, 'DELETE', `/job/${failed.id}`)).toMatchObject({
      status: 200,
      body: { state: 'cancelled' },
    })
    await runAll(errand)
    expect(merged).toMatchObject([{ group: { succeeded: 1, failed: 0, cancelled: 1 } }])
    // one that failed outside of such a group stays as it is
    const other = await errand.enqueue('part', { n: 1, fails: true })
    await runAll(errand)
    expect((await call(errand, 'DELETE', `/job/${other}`)).status).toBe(409)
  })

  it('cancels the rest under `cancelRest`: those that wait, those that run, and nested groups', async () => {
    const stopped: number[] = []
    const part = {
      ...workers.part,
      run: ({ n, fails }: { n: number; fails: boolean }, { signal }: { signal: AbortSignal }) =>
        fails
          ? Promise.reject(new Error('no'))
          : new Promise((resolve) => signal.addEventListener('abort', () => resolve(stopped.push(n)))),
    }
    await using errand = await start({}, { ...workers, part })
    const id = await make(
      errand,
      [part1(1), part1(2), { group: [part1(3), part1(4, { delay: '1h' })], then: 'merge' }, ...later(1_200)],
      { then: 'merge', policy: 'cancelRest' },
    )
    await errand.claim()
    await errand.enqueue('part', { n: 9 })
    const [running] = await jobsOf(errand, id)
    expect(running.state).toBe('running')
    const bad = await addFailing(errand, id)
    await errand.claim()
    await until(async () => (await get(errand, id)).state === 'closed')
    await errand.claim()
    await until(() => merged.length > 0)
    expect(merged).toMatchObject([{ group: { id, failed: 1, succeeded: 0, cancelled: 1_202 } }])
    expect((await errand.get(bad)).state).toBe('failed')
    expect(stopped.toSorted((a, b) => a - b)).toEqual([1, 2, 3])
    expect((await get(errand, id)).groups).toMatchObject([{ state: 'cancelled' }])
  })

  it('of a nested group cancels the rest of the outer one where the nested one has no callback', async () => {
    await using errand = await start()
    await make(errand, [part(1, { delay: '1h' }), { group: [failing(2), part(3)] }], {
      then: 'merge',
      policy: 'cancelRest',
    })
    await runAll(errand)
    expect(merged).toMatchObject([{ group: { total: 2, failed: 1, cancelled: 1 } }])
    expect(merged[0]!.group.members).toMatchObject([{ worker: 'part', state: 'cancelled' }, { state: 'failed' }])
  })

  it('is waited for again where an operator retries it while its group is open', async () => {
    await using errand = await start()
    const id = await make(errand, [failing(1), part(2, { delay: '1h' })], { then: 'merge' })
    await runAll(errand)
    const [failed, late] = await jobsOf(errand, id)
    await errand.database.db
      .collection<{ _id: string }>('errand_jobs')
      .updateOne({ _id: failed.id }, { $set: { args: '{"n":1}' } })
    const { jobs } = errand.coordinator.deps.store
    const claimable = jobs.claimable
    jobs.claimable = () => Promise.resolve([])
    await retry(errand, failed.id)
    await call(errand, 'DELETE', `/job/${late.id}`)
    expect(await get(errand, id)).toMatchObject({ state: 'open', open: 1 })
    jobs.claimable = claimable
    await runAll(errand)
    expect(merged).toMatchObject([{ group: { succeeded: 1, cancelled: 1 } }])
  })
})

const part1 = part
const later = (count: number) => parts(count, { delay: '1h' })
const retry = ({ coordinator }: TestErrand, id: string) =>
  import('../../../server/operations/jobActions.js').then(({ retryJob }) => retryJob(coordinator.deps, id))

/** Makes the first job of a group that waits one that fails at once. */
async function addFailing(errand: TestErrand, group: string): Promise<string> {
  const [waiting] = await jobsOf(errand, group, '?state=scheduled&limit=1')
  await errand.database.db
    .collection<{ _id: string }>('errand_jobs')
    .updateOne({ _id: waiting.id }, { $set: { state: 'queued', args: '{"n":0,"fails":true}' } })
  return waiting.id as string
}

/** The next turns of the event loop, as many as it takes; what is waited for is under way already. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve))
}

describe('nested groups', () => {
  it('count as one member each, that ends with its own callback', async () => {
    await using errand = await start()
    const id = await make(
      errand,
      [
        { group: parts(3, { delay: '1s' }), then: { worker: 'merge', args: { label: 'inner' } } },
        {
          group: [
            part(7, { delay: '1s' }),
            { group: [part(8)], then: { worker: 'merge', args: { label: 'innermost' } } },
          ],
        },
        part(9, { delay: '1s' }),
      ],
      { then: { worker: 'merge', args: { label: 'outer' } } },
    )
    expect(await get(errand, id)).toMatchObject({
      total: 3,
      open: 3,
      groups: [
        { state: 'open', total: 3 },
        { state: 'open', total: 2 },
      ],
    })
    await errand.clock.advance('1s')
    await runAll(errand)
    expect(new Set(merged.map(({ label }) => label))).toEqual(new Set(['inner', 'innermost', 'outer']))
    expect(merged).toHaveLength(3)
    const outer = merged.at(-1)!
    expect(outer).toMatchObject({ label: 'outer', group: { total: 3, succeeded: 3, failed: 0 } })
    expect(outer.group.members).toMatchObject([
      { worker: 'merge', state: 'succeeded', result: { merged: 3 } },
      { worker: 'part', state: 'succeeded' },
      { state: 'succeeded' },
    ])
    const [nested] = (await get(errand, id)).groups
    expect(await get(errand, nested.id)).toMatchObject({ state: 'closed', parentId: id })
  })

  it('have policies of their own', async () => {
    await using errand = await start()
    const id = await make(
      errand,
      [{ group: [failing(1), part(2, { delay: '1h' })], policy: 'cancelRest', then: 'merge' }, failing(3)],
      { policy: 'wait', then: 'merge' },
    )
    await runAll(errand)
    expect(merged).toMatchObject([{ group: { failed: 1, cancelled: 1 } }])
    expect(await get(errand, id)).toMatchObject({ state: 'open', open: 1 })
  })

  it('close from the innermost outwards where all are empty', async () => {
    await using errand = await start()
    await make(errand, [{ group: [{ group: [] }] }, { group: [], then: 'merge' }], { then: 'merge' })
    await runAll(errand)
    expect(merged.map(({ group }) => group.total)).toEqual([0, 2])
  })
})

describe('a group that is cancelled', () => {
  it('cancels what is left, also of nested groups, and runs no callback', async () => {
    await using errand = await start()
    const id = await make(errand, [part(1), part(2, { delay: '1h' }), { group: later(3), then: 'merge' }], {
      then: 'merge',
    })
    await runAll(errand)
    const cancelled = { status: 200, body: { id, state: 'cancelled', total: 3 } }
    expect(await call(errand, 'DELETE', `/groups/${id}`)).toEqual(cancelled)
    expect(await call(errand, 'DELETE', `/groups/${id}`)).toEqual(cancelled)
    await runAll(errand)
    await errand.clock.advance('1h')
    await runAll(errand)
    expect(merged).toEqual([])
    const { counts, ...group } = await get(errand, id)
    expect(counts).toEqual({ succeeded: 1, cancelled: 1 })
    expect(group).toMatchObject({ state: 'cancelled', open: 0, groups: [{ state: 'cancelled' }] })
    const audit = await stored(errand, 'audit')
    expect(audit).toMatchObject([{ action: 'groups.cancel', target: { id }, outcome: 'ok' }, {}])
  })

  it('cancels members that failed under `wait`', async () => {
    await using errand = await start()
    const id = await make(errand, [failing(1)], { then: 'merge', policy: 'wait' })
    await runAll(errand)
    expect((await call(errand, 'DELETE', `/groups/${id}`)).status).toBe(200)
    expect(await get(errand, id)).toMatchObject({ state: 'cancelled', counts: { cancelled: 1 } })
  })

  it('must not be closed already', async () => {
    await using errand = await start()
    const id = await make(errand, [], { then: 'merge' })
    expect(await call(errand, 'DELETE', `/groups/${id}`)).toMatchObject({
      status: 409,
      body: { error: { code: 'WRONG_STATE', message: expect.stringContaining((await get(errand, id)).then.jobId) } },
    })
    expect((await call(errand, 'DELETE', '/groups/nobody')).body.error.code).toBe('UNKNOWN_GROUP')
  })
})

describe('a callback that cannot be made', () => {
  it('leaves its group stuck, which says why, and can be tried again', async () => {
    const lines: string[] = []
    await using errand = await start({ log: (level, message) => void lines.push(`${level}: ${message}`) })
    const id = await make(errand, [failing(1)], { then: 'picky' })
    await runAll(errand)
    expect(await get(errand, id)).toMatchObject({
      state: 'stuck',
      problem: { code: 'INVALID_ARGS', issues: [{ path: ['group'], message: 'takes no failures' }] },
    })
    await errand.clock.advance('1h')
    await sweepGroups(errand.coordinator.deps)
    expect(lines.filter((line) => line.includes('callback'))).toHaveLength(1)

    const again = await errand.post(`/groups/${id}/retry`, {})
    expect(again).toMatchObject({ status: 200, body: { state: 'stuck' } })
    // its member is mended
    const [failed] = await jobsOf(errand, id)
    await errand.database.db
      .collection<{ _id: string }>('errand_jobs')
      .updateOne({ _id: failed.id }, { $set: { args: '{"n":1}' } })
    await retry(errand, failed.id)
    await runAll(errand)
    const closed = await get(errand, id)
    expect(closed.state).toBe('closed')
    expect(closed).not.toHaveProperty('problem')
    expect(await errand.post(`/groups/${id}/retry`, {})).toMatchObject({
      status: 409,
      body: { error: { code: 'WRONG_STATE' } },
    })
  })

  it('because its key is taken is made once the key is free, and never merged with the owner', async () => {
    await using errand = await start()
    const group = { id: 'x', total: 0, succeeded: 0, failed: 0, cancelled: 0, members: [], truncated: false }
    const owner = await errand.enqueue('single', { group }, { delay: '1h' })
    const id = await make(errand, [part(1)], { then: 'single' })
    await runAll(errand)
    expect(await get(errand, id)).toMatchObject({ state: 'stuck', problem: { code: 'KEY_TAKEN' } })
    await call(errand, 'DELETE', `/job/${owner}`)
    await sweepGroups(errand.coordinator.deps)
    expect(await get(errand, id)).toMatchObject({ state: 'closed' })
  })

  it('because its worker is not deployed here waits for it as a job', async () => {
    await using errand = await start()
    const id = await make(errand, [part(1, { delay: '1h' })], { then: 'merge' })
    const { merge: _, ...others } = workers
    await using second = await start({ beside: errand }, others)
    await errand.clock.advance('1h')
    await second.run()
    const { then } = await get(second, id)
    await second.run()
    expect(await second.get(then.jobId)).toMatchObject({ state: 'queued', workerKnown: false })
  })
})

describe('coordinators', () => {
  it('that finish the last two members at once make one callback', async () => {
    for (let round = 0; round < 10; round++) {
      await using errand = await start()
      await using second = await start({ beside: errand })
      await make(errand, parts(2, { delay: '1h' }), { then: 'merge' })
      await errand.clock.advance('1h')
      const { deps } = errand.coordinator
      await deps.store.jobs.stage(deps.clock.now(), 10)
      await holdBack(errand, second)
      await Promise.all([errand.run(), second.run()])
      await Promise.all([errand.run(), second.run()])
      expect(merged).toHaveLength(1)
      expect((await stored(errand, 'jobs')).filter(({ worker }) => worker === 'merge')).toHaveLength(1)
    }
  })

  it('that die between the last member and the callback have it made by the sweep', async () => {
    await using errand = await start()
    await using second = await start({ beside: errand })
    const id = await make(errand, parts(2), { then: 'merge' })
    errand.coordinator.deps.store.groups.hasOpenMembers = lost
    await runAll(errand)
    expect(await get(errand, id)).toMatchObject({ state: 'open', open: 0 })
    await sweepGroups(second.coordinator.deps)
    await runAll(second)
    expect(merged).toHaveLength(1)
    expect((await get(second, id)).state).toBe('closed')
  })

  it('that die between the callback and the closing of its group have it closed by the sweep, and made once', async () => {
    await using errand = await start()
    await using second = await start({ beside: errand })
    const id = await make(errand, [{ group: parts(2), then: 'merge' }], { then: 'merge' })
    errand.coordinator.deps.store.groups.close = lost
    await runAll(errand)
    await runAll(second)
    expect(await get(second, id)).toMatchObject({ state: 'open' })
    // its keep time is over, but nobody may make it again
    await errand.clock.advance('3d')
    await second.purge()
    await sweepGroups(second.coordinator.deps)
    await runAll(second)
    expect(merged.map(({ group }) => group.total)).toEqual([2, 1])
    expect((await get(second, id)).state).toBe('closed')
  })

  it('that die while they cancel the rest have it done by the sweep', async () => {
    await using errand = await start()
    await using second = await start({ beside: errand })
    await make(errand, [failing(1), ...later(3)], { then: 'merge', policy: 'cancelRest' })
    errand.coordinator.deps.store.groups.cancelWaiting = lost
    await runAll(errand)
    expect(merged).toEqual([])
    await sweepGroups(second.coordinator.deps)
    await runAll(second)
    expect(merged).toMatchObject([{ group: { failed: 1, cancelled: 3 } }])
  })

  it('that die while they cancel a whole group have it done by the sweep', async () => {
    await using errand = await start()
    await using second = await start({ beside: errand })
    const id = await make(errand, later(3), { then: 'merge' })
    errand.coordinator.deps.store.groups.cancelWaiting = lost
    expect((await call(errand, 'DELETE', `/groups/${id}`)).status).toBe(500)
    await sweepGroups(second.coordinator.deps)
    await runAll(second)
    expect(await get(second, id)).toMatchObject({ state: 'cancelled', counts: { cancelled: 3 } })
    expect(merged).toEqual([])
  })

  it.each(['insertMany of groups', 'insert of a job', 'decision'])(
    'that die in the %s leave nothing',
    async (where) => {
      await using errand = await start()
      await using second = await start({ beside: errand })
      const { store, writes } = errand.coordinator.deps
      if (where === 'insertMany of groups') store.groups.insertMany = lost
      if (where === 'insert of a job') writes.insertJob = lost
      if (where === 'decision') store.atomicRequests.decide = lost
      expect((await errand.post('/groups', { jobs: parts(3), then: 'merge' })).status).toBe(500)
      await second.run()
      await sweepGroups(second.coordinator.deps)
      await errand.clock.advance('2m')
      await sweepAtomicRequests(second.coordinator.deps)
      expect([await stored(errand, 'jobs'), await stored(errand, 'groups'), merged]).toEqual([[], [], []])
    },
  )

  it('that die after the decision leave a group that the sweep releases, and that ends', async () => {
    await using errand = await start()
    await using second = await start({ beside: errand })
    errand.coordinator.deps.store.atomicRequests.release = lost
    expect((await errand.post('/groups', { jobs: parts(3), then: 'merge' })).status).toBe(500)
    await errand.clock.advance('2m')
    await sweepAtomicRequests(second.coordinator.deps)
    await runAll(second)
    await sweepGroups(second.coordinator.deps)
    await runAll(second)
    expect(merged).toMatchObject([{ group: { succeeded: 3 } }])
  })

  it('that were halted before the callback do not make it a second time', async () => {
    await using errand = await start()
    await using second = await start({ beside: errand })
    const id = await make(errand, [part(1)], { then: { worker: 'merge' } })
    const { groups } = errand.coordinator.deps.store
    const members = groups.members
    groups.members = async (group) => {
      const found = await members(group)
      await sweepGroups(second.coordinator.deps)
      await second.run()
      await errand.clock.advance('2d')
      await second.purge()
      return found
    }
    await runAll(errand)
    expect(merged).toHaveLength(1)
    expect(await get(errand, id)).toMatchObject({ state: 'closed' })
    expect((await stored(errand, 'jobs')).filter(({ worker }) => worker === 'merge')).toEqual([])
  })
})

/** Lets both coordinators claim one job each, and keeps their calls until both have begun. */
async function holdBack(first: TestErrand, second: TestErrand): Promise<void> {
  for (const { coordinator } of [first, second]) {
    const { jobs } = coordinator.deps.store
    const claimable = jobs.claimable
    jobs.claimable = () => claimable(1)
  }
}

describe('purge', () => {
  it('keeps members while their group is open, and until its callback has ended', async () => {
    await using errand = await start()
    const id = await make(errand, [part(1), part(2, { delay: '10d' })], { then: 'merge' })
    await runAll(errand)
    await errand.clock.advance('9d')
    expect(await errand.purge()).toBe(0)
    await errand.clock.advance('1d')
    await runAll(errand)
    expect(merged).toMatchObject([{ group: { succeeded: 2, members: [{ result: { n: 1 } }, {}] } }])
    await errand.clock.advance('2d')
    expect(await errand.purge()).toBe(3)
    expect(await get(errand, id)).toMatchObject({ state: 'closed' })
  })

  it('loses no member that failed in a group that waits for it', async () => {
    await using errand = await start()
    const id = await make(errand, [failing(1)], { policy: 'wait' })
    await runAll(errand)
    await errand.clock.advance('60d')
    expect(await errand.purge()).toBe(0)
    expect(await jobsOf(errand, id)).toHaveLength(1)
  })

  it('takes a closed group, with those nested in it, after 30 days', async () => {
    await using errand = await start()
    await make(errand, [{ group: [{ group: [part(1)] }], then: 'merge' }])
    const open = await make(errand, [part(1, { delay: '60d' })])
    await runAll(errand)
    await errand.clock.advance('29d')
    await errand.purge()
    expect(await stored(errand, 'groups')).toHaveLength(4)
    await errand.clock.advance('1d')
    await errand.purge()
    expect(await stored(errand, 'groups')).toMatchObject([{ _id: open }])
  })
})

describe('whatever happens', () => {
  it('every group ends once, after all its members, and tells how each of them ended', async () => {
    interface Tree {
      policy: 'continue' | 'wait' | 'cancelRest'
      members: ('ok' | 'fail' | 'late' | Tree)[]
      then: boolean
    }
    const { tree } = fc.letrec<{ tree: Tree; member: Tree['members'][number] }>((tie) => ({
      tree: fc.record({
        policy: fc.constantFrom('continue' as const, 'cancelRest' as const),
        members: fc.array(tie('member'), { maxLength: 4 }),
        then: fc.boolean(),
      }),
      member: fc.oneof(
        { depthSize: 'small', maxDepth: 3, withCrossShrink: true },
        fc.constantFrom('ok' as const, 'ok' as const, 'fail' as const, 'late' as const),
        tie('tree'),
      ),
    }))
    const step = fc.record({
      kind: fc.constantFrom('run' as const, 'time' as const, 'cancel' as const, 'sweep' as const, 'die' as const),
      on: fc.nat(1),
      which: fc.nat(),
    })
    await fc.assert(
      fc.asyncProperty(tree, fc.array(step, { maxLength: 12 }), async (root, steps) => {
        await using errand = await start()
        await using second = await start({ beside: errand })
        const both = [errand, second] as const
        /**
         * A sweep starts callbacks. One that runs out of its time is run again, as it may be, and would tell its
         * summary twice.
         */
        const pass = async (by: Duration) => {
          for (const { coordinator } of both) await coordinator.dispatcher.idle()
          await errand.clock.advance(by)
        }
        let n = 0
        const item = (member: Tree['members'][number]): object => {
          if (typeof member !== 'object') {
            return member === 'fail' ? failing(n++) : part(n++, member === 'late' ? { delay: '1m' } : {})
          }
          return {
            group: member.members.map(item),
            policy: member.policy,
            ...(member.then ? { then: 'merge' } : {}),
          }
        }
        await make(errand, root.members.map(item), { policy: root.policy, then: 'merge' })
        for (const { kind, on, which } of steps) {
          const at = both[on]!
          if (kind === 'run') await at.run()
          if (kind === 'time') await pass('30s')
          if (kind === 'sweep') await sweepGroups(at.coordinator.deps)
          if (kind === 'die') dieOnce(at)
          const jobs = kind === 'cancel' ? await stored(errand, 'jobs') : []
          if (jobs.length > 0) await call(at, 'DELETE', `/job/${jobs[which % jobs.length]!._id}`)
        }
        for (let round = 0; round < 12; round++) {
          if ((await stored(errand, 'groups')).every(({ state }) => state === 'closed')) break
          await pass('1m')
          for (const at of both) {
            await at.run()
            await at.reap()
            await sweepGroups(at.coordinator.deps)
          }
        }
        await runAll(errand)
        const groups = await stored(errand, 'groups')
        const jobs = await stored(errand, 'jobs')
        expect(groups.filter(({ state }) => state !== 'closed')).toEqual([])
        expect(jobs.filter((job) => 'groupOpen' in job)).toEqual([])
        for (const group of groups) {
          const callbacks = jobs.filter(({ callbackOf }) => callbackOf === group._id)
          expect(callbacks.map(({ _id }) => _id)).toEqual(group['thenJob'] === undefined ? [] : [group['thenJob']])
          expect(callbacks.length === 1 || !group['then'] || group['cancelled'] === true).toBe(true)
        }
        const told = merged.map(({ group }) => group)
        expect(new Set(told.map(({ id }) => id)).size).toBe(told.length)
        for (const { total, succeeded, failed, cancelled, members } of told) {
          expect(succeeded + failed + cancelled).toBe(total)
          expect(members).toHaveLength(total)
          const states = new Map([...jobs, ...groups].map(({ _id, state, outcome }) => [_id, outcome ?? state]))
          expect(members.map(({ state }) => state)).toEqual(members.map(({ id }) => states.get(id)))
        }
      }),
      { numRuns: runs(8), timeout: 60_000 },
    )
  })
})

/** The next thing that this coordinator asks about a group's end is not answered. */
function dieOnce({ coordinator }: TestErrand): void {
  const { groups } = coordinator.deps.store
  for (const name of ['hasOpenMembers', 'close'] as const) {
    const real: (...args: never[]) => unknown = groups[name]
    ;(groups[name] as unknown) = (...args: never[]) => {
      ;(groups[name] as unknown) = real
      return lost().finally(() => void args)
    }
  }
}
