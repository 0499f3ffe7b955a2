/**
 * The answer of one write is lost, at each place where somebody waits for one: whether the write happened or not, the
 * caller hears what is so, and it is done once. A guarded write that is made again changes nothing, and must not be
 * taken for one that somebody else was faster than.
 */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { loseAnswers, meanwhile } from '../../support/lostAnswers.js'
import { testErrand, type TestErrand, type TestErrandOptions } from '../../support/errand.js'
import type { Answer, Invoke } from '../../../server/deps.js'

const args = z.object({ n: z.number() })
const workers = {
  plain: defineJob({ args, retry: { attempts: 1 }, run: ({ n }) => void (n < 0 && fail()) }),
  limited: defineJob({ args, concurrency: { limit: 1 }, run: () => null }),
  throttled: defineJob({ args, throttle: { limit: 1, per: '1m' }, run: () => null }),
  then: defineJob({ args: z.object({ group: z.any() }), run: () => null }),
}
const fail = () => {
  throw new Error('as it was told to')
}

/** Functions that stay silent until the test answers for them. */
function silent() {
  const calls: { id: string; aborted: boolean; answer: (answer: Answer) => void }[] = []
  const invoke: Invoke = (call) =>
    new Promise((answer) => {
      const made = { id: (JSON.parse(call.body) as { id: string }).id, aborted: false, answer }
      calls.push(made)
      call.onAbort(() => {
        made.aborted = true
        answer({ kind: 'aborted' })
      })
    })
  return { calls, invoke }
}

const open = (options: TestErrandOptions = {}) => testErrand(workers, options)
const queued = { worker: 'plain', args: { n: 1 }, delay: '1h' }

async function send(errand: TestErrand, method: string, path: string, body: unknown = {}) {
  const response = await errand.coordinator.fetch(
    new Request(`http://coordinator.test${path}`, {
      method,
      ...(method === 'GET' ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    }),
  )
  return { status: response.status, body: await response.json() }
}

/** A write, what calls for it, and what is to be so afterwards. */
interface Case {
  /** As the store has it: part and operation. */
  write: readonly [string, string]
  prepare?: (errand: TestErrand) => Promise<string>
  ask: (errand: TestErrand, id: string) => Promise<{ status: number; body: unknown }>
  status: number
  // oxlint-disable-next-line typescript/no-explicit-any
  then: (errand: TestErrand, id: string, body: any) => Promise<void>
}

const failed = async (errand: TestErrand) => {
  const id = await errand.enqueue('plain', { n: -1 })
  await errand.run()
  return id
}
const scheduled = async (errand: TestErrand, more: object = {}) =>
  (await send(errand, 'POST', '/job', { worker: 'plain', args: { n: 1 }, cron: '0 9 * * *', key: 's1', ...more })).body
    .scheduleId as string

const cases: Record<string, Case> = {
  'a cancel': {
    write: ['jobs', 'cancel'],
    prepare: async (errand) => (await send(errand, 'POST', '/job', queued)).body.id,
    ask: (errand, id) => send(errand, 'DELETE', `/job/${id}`),
    status: 200,
    then: async (errand, id) => expect(await errand.get(id)).toMatchObject({ state: 'cancelled' }),
  },
  'a retry': {
    write: ['jobs', 'retry'],
    prepare: failed,
    ask: (errand, id) => send(errand, 'POST', `/job/${id}/retry`),
    status: 200,
    then: async (errand, id) => {
      const before = (await errand.get(id)).maxAttempts
      expect(before).toBe(2)
    },
  },
  'a replacement': {
    write: ['jobs', 'replaceWaiting'],
    prepare: async (errand) =>
      (await send(errand, 'POST', '/job', { ...queued, unique: { key: 'k', onConflict: 'replace' } })).body.id,
    ask: (errand) =>
      send(errand, 'POST', '/job', { ...queued, args: { n: 2 }, unique: { key: 'k', onConflict: 'replace' } }),
    status: 200,
    then: async (errand, id) => expect(await errand.get(id)).toMatchObject({ args: { n: 2 } }),
  },
  'a new schedule': {
    write: ['schedules', 'insert'],
    ask: (errand) => send(errand, 'POST', '/job', { worker: 'plain', args: { n: 1 }, cron: '0 9 * * *', key: 's1' }),
    status: 201,
    then: async (errand) => expect((await send(errand, 'GET', '/schedules')).body.schedules).toHaveLength(1),
  },
  'a changed schedule': {
    write: ['schedules', 'redefine'],
    prepare: scheduled,
    ask: (errand, id) => send(errand, 'PATCH', `/schedules/${id}`, { args: { n: 7 } }),
    status: 200,
    then: async (errand, id) =>
      expect((await send(errand, 'GET', `/schedules/${id}`)).body).toMatchObject({ args: { n: 7 } }),
  },
  'the pause of a schedule': {
    write: ['schedules', 'setPaused'],
    prepare: scheduled,
    ask: (errand, id) => send(errand, 'POST', `/schedules/${id}/pause`),
    status: 200,
    then: async (errand, id) =>
      expect((await send(errand, 'GET', `/schedules/${id}`)).body).toMatchObject({ nextRunAt: null }),
  },
  'the removal of a schedule': {
    write: ['schedules', 'remove'],
    prepare: scheduled,
    ask: (errand, id) => send(errand, 'DELETE', `/schedules/${id}`),
    status: 200,
    then: async (errand) => expect((await send(errand, 'GET', '/schedules')).body.schedules).toEqual([]),
  },
  'a pause': {
    write: ['pauses', 'insert'],
    ask: (errand) => send(errand, 'POST', '/pauses', { worker: 'plain' }),
    status: 201,
    then: async (errand) => expect((await send(errand, 'GET', '/pauses')).body.pauses).toHaveLength(1),
  },
  'the end of a pause': {
    write: ['pauses', 'remove'],
    prepare: async (errand) => {
      await send(errand, 'POST', '/pauses', { worker: 'plain' })
      return ''
    },
    ask: (errand) => send(errand, 'DELETE', '/pauses?worker=plain'),
    status: 200,
    then: async (errand, _, body) => {
      expect(body).toMatchObject({ worker: 'plain' })
      expect((await send(errand, 'GET', '/pauses')).body.pauses).toEqual([])
    },
  },
  'a new key': {
    write: ['apiKeys', 'insert'],
    ask: (errand) => send(errand, 'POST', '/keys', { name: 'ada', role: 'operate' }),
    status: 201,
    then: async (errand, _, { key }) => {
      const headers = { authorization: `Bearer ${String(key)}` }
      expect((await errand.post('/job', queued, headers)).status).toBe(201)
    },
  },
  'an entry of the audit': {
    write: ['audit', 'insert'],
    ask: (errand) => send(errand, 'POST', '/pauses', { worker: 'plain' }),
    status: 201,
    then: async (errand) => expect((await send(errand, 'GET', '/audit')).body.entries).toHaveLength(1),
  },
  'the beginning of an atomic request': atomicCase(['atomicRequests', 'begin']),
  'the decision of an atomic request': atomicCase(['atomicRequests', 'decide']),
  'the release of an atomic request': atomicCase(['atomicRequests', 'release']),
  'the documents of a group': {
    write: ['groups', 'insertMany'],
    ask: (errand) =>
      send(errand, 'POST', '/groups', {
        jobs: [{ worker: 'plain', args: { n: 1 } }],
        then: { worker: 'then', args: {} },
      }),
    status: 201,
    then: async (errand, _, { id }) => {
      await errand.run()
      await errand.run()
      expect((await send(errand, 'GET', `/groups/${id}`)).body).toMatchObject({ state: 'closed' })
    },
  },
}

function atomicCase(write: Case['write']): Case {
  const jobs = [1, 2, 3].map((n) => ({ worker: 'plain', args: { n } }))
  return {
    write,
    ask: (errand) => send(errand, 'POST', '/jobs', { jobs, atomic: true }),
    status: 200,
    then: async (errand) => {
      await errand.run()
      const { body } = await send(errand, 'GET', '/jobs')
      expect(body.jobs.map(({ state }: { state: string }) => state)).toEqual(['succeeded', 'succeeded', 'succeeded'])
    },
  }
}

describe.for(Object.entries(cases))('%s whose answer is lost', ([, { write, prepare, ask, status, then }]) => {
  it.for([true, false])('is done once, and its caller hears so (it happened: %s)', async (happens) => {
    await using errand = await open()
    const id = (await prepare?.(errand)) ?? ''
    loseAnswers(errand, ...(write as [never, never]), { happens })
    const answer = await meanwhile(errand, ask(errand, id))
    expect(answer).toMatchObject({ status })
    await then(errand, id, answer.body)
  })
})

describe('a cancel whose answer is lost', () => {
  it('tells the function to stop, and closes the group at once', async () => {
    const { calls, invoke } = silent()
    await using errand = await open({ invoke })
    const group = (await send(errand, 'POST', '/groups', { jobs: [{ worker: 'plain', args: { n: 1 } }] })).body.id
    await errand.claim()
    loseAnswers(errand, 'jobs', 'cancel')
    await meanwhile(errand, send(errand, 'DELETE', `/job/${calls[0]!.id}`))
    expect(calls[0]!.aborted).toBe(true)
    expect((await send(errand, 'GET', `/groups/${group}`)).body.state).toBe('closed')
  })
})

describe('a key that is revoked', () => {
  it.for([true, false])(
    'is gone, and its caller hears so, where the answer was lost (it happened: %s)',
    async (happens) => {
      await using errand = await open()
      const { key } = (await send(errand, 'POST', '/keys', { name: 'ada', role: 'operate' })).body
      const headers = { authorization: `Bearer ${String(key)}` }
      await errand.post('/keys', { name: 'eve', role: 'enqueue' }, headers)
      loseAnswers(errand, 'apiKeys', 'remove', { happens })
      const request = new Request('http://coordinator.test/keys/eve', { method: 'DELETE', headers })
      expect((await meanwhile(errand, Promise.resolve(errand.coordinator.fetch(request)))).status).toBe(200)
    },
  )
})

describe('an occurrence', () => {
  it.for([true, false])('makes one job where the answer to its schedule is lost (it happened: %s)', async (happens) => {
    await using errand = await open()
    await scheduled(errand, { cron: undefined, every: '1h' })
    await errand.clock.advance('1h')
    loseAnswers(errand, 'schedules', 'advance', { happens })
    await expect(errand.recur()).rejects.toThrow('closed')
    await errand.recur()
    expect((await send(errand, 'GET', '/jobs')).body.jobs).toHaveLength(1)
  })
})

describe('tokens of a throttle whose answer is lost', () => {
  it('were taken by the jobs that asked for them', async () => {
    await using errand = await open()
    const id = (await send(errand, 'POST', '/job', { worker: 'throttled', args: { n: 1 } })).body.id
    loseAnswers(errand, 'throttles', 'writeMany')
    await meanwhile(errand, errand.run())
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded' })
  })
})

describe('a place of a concurrency limit whose answer is lost', () => {
  it.for([true, false])('is that of the job that asked for it (it happened: %s)', async (happens) => {
    await using errand = await open()
    const id = (await send(errand, 'POST', '/job', { worker: 'limited', args: { n: 1 } })).body.id
    loseAnswers(errand, 'slots', 'take', { happens })
    await meanwhile(errand, errand.run())
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', attempt: 1 })
  })

  it('falls free where the claim fails behind it, and what was claimed beside it is given back', async () => {
    await using errand = await open()
    const limited = { worker: 'limited', args: { n: 1 }, delay: '1s' }
    const ids: string[] = []
    for (const job of [limited, limited, { ...queued, delay: '1s' }])
      ids.push((await send(errand, 'POST', '/job', job)).body.id)
    await errand.clock.advance('1s')
    await errand.stage()
    const { store } = errand.coordinator.deps
    // the second of them finds no place, and cannot be told to wait for one
    loseAnswers(errand, 'jobs', 'block', { happens: false })
    await expect(errand.claim()).rejects.toThrow('closed')
    const slotKey = (await store.jobs.find(ids[0]!))!.slotKey!
    expect((await store.slots.inUse([slotKey], errand.clock.now())).get(slotKey)).toEqual([])
    expect(await errand.get(ids[2]!)).toMatchObject({ state: 'queued', attempt: 0 })
    for (let round = 0; round < 2; round++) await errand.run()
    const states = await Promise.all(ids.map(async (id) => (await errand.get(id)).state))
    expect(states).toEqual(['succeeded', 'succeeded', 'succeeded'])
  })
})

describe('the end of a group whose answer is lost', () => {
  it('goes on to the group around it, when the database answers', async () => {
    await using errand = await open()
    const nested = { group: [{ worker: 'plain', args: { n: 1 } }] }
    const group = (await send(errand, 'POST', '/groups', { jobs: [nested] })).body.id
    loseAnswers(errand, 'groups', 'close')
    await meanwhile(errand, errand.run())
    expect((await send(errand, 'GET', `/groups/${group}`)).body.state).toBe('closed')
  })

  it('is found out by whoever looked whether it is over, when the database answers', async () => {
    await using errand = await open()
    const group = (await send(errand, 'POST', '/groups', { jobs: [{ worker: 'plain', args: { n: 1 } }] })).body.id
    loseAnswers(errand, 'groups', 'hasOpenMembers', { times: 3, happens: false })
    const over = new Promise<void>((resolve) => {
      errand.coordinator.deps.events.on('groupOver', () => resolve())
    })
    await errand.run()
    expect((await send(errand, 'GET', `/groups/${group}`)).body.state).toBe('open')
    await meanwhile(errand, over)
    expect((await send(errand, 'GET', `/groups/${group}`)).body.state).toBe('closed')
  })
})
