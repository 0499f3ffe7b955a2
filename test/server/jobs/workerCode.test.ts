/**
 * What a worker's own code throws in the coordinator (schemas, key functions, invokers) is never a fault of the
 * coordinator's, and touches nobody else's work.
 */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob, groupSummary } from '../../../core/index.js'
import { createLog } from '../../../server/log.js'
import { testErrand } from '../../support/errand.js'

const refuse = (): never => {
  throw new TypeError('not for you')
}
/** Every way to look at it throws. */
const sealed = () =>
  new Proxy({}, Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((trap) => [trap, refuse]))) as Error

let mood: 'good' | 'bad' = 'good'
const workers = {
  plain: defineJob({ args: z.object({}), run: () => null }),
  /** Throws an error of its own, with what it was given in it. */
  throwing: defineJob({
    args: z.object({
      url: z.string().transform((url) => {
        throw new Error(`no URL: ${url}`)
      }),
    }),
    run: () => null,
  }),
  sealed: defineJob({
    args: z.object({ n: z.number() }).refine(() => {
      throw sealed()
    }),
    run: () => null,
  }),
  moody: defineJob({
    args: z.object({}).transform(() => (mood === 'good' ? {} : refuse())),
    run: () => null,
  }),
  keyed: defineJob({
    args: z.object({}),
    unique: {
      key: () => {
        throw sealed()
      },
    },
    run: () => null,
  }),
  summary: defineJob({
    args: z.object({ group: groupSummary() }).transform(({ group }) => ({ first: group.members[0]!.id })),
    run: () => null,
  }),
}

function logged() {
  const lines: string[] = []
  return { lines, log: createLog({ write: (line) => lines.push(line), now: () => new Date(), json: true }) }
}

describe('a schema that throws', () => {
  it.each([
    ['throwing', { url: 'a secret' }],
    ['sealed', { n: 1 }],
  ])('refuses the args, names the worker %s and none of the values, and is no fault to log', async (worker, args) => {
    const { lines, log } = logged()
    await using errand = await testErrand(workers, { log })
    const { status, body } = await errand.post('/job', { worker, args })
    expect({ status, ...body.error }).toMatchObject({
      status: 400,
      code: 'INVALID_ARGS',
      message: expect.stringContaining(`do not fit ${worker}`) as string,
      issues: [{ path: [], code: 'schema_threw' }],
    })
    expect(JSON.stringify(body) + lines.join('')).not.toMatch(/secret|a request failed/)
  })

  it('refuses its own item of many alone', async () => {
    await using errand = await testErrand(workers)
    const jobs = [{ worker: 'plain' }, { worker: 'sealed', args: { n: 1 } }, { worker: 'plain' }]
    const { body } = await errand.post('/jobs', { jobs })
    expect(body.outcomes.map(({ ok, error }: { ok: boolean; error?: { code: string } }) => error?.code ?? ok)).toEqual([
      true,
      'INVALID_ARGS',
      true,
    ])
  })

  it('keeps no other schedule from its occurrence', async () => {
    await using errand = await testErrand(workers)
    for (const worker of ['moody', 'plain']) await errand.post('/schedules', { id: worker, worker, every: '1h' })
    mood = 'bad'
    await errand.clock.advance('1h')
    await errand.recur()
    mood = 'good'
    const { jobs } = errand.coordinator.deps.store
    expect((await jobs.list({ limit: 10 })).items).toMatchObject([{ worker: 'plain', scheduleId: 'plain' }])
  })

  it('takes a callback whose summary is not there yet', async () => {
    await using errand = await testErrand(workers)
    const { status } = await errand.post('/groups', { jobs: [{ worker: 'plain' }], then: { worker: 'summary' } })
    expect(status).toBe(201)
  })
})

it('a key function that throws what cannot be read is told as one that gives no key', async () => {
  await using errand = await testErrand(workers)
  const { body } = await errand.post('/job', { worker: 'keyed' })
  expect(body.error).toMatchObject({
    code: 'BAD_WORKER',
    message: expect.stringContaining('unique.key of keyed') as string,
  })
})

it('an invoker that throws what cannot be read fails its attempt, and is logged', async () => {
  const { lines, log } = logged()
  await using errand = await testErrand(workers, { log, invoke: () => Promise.reject(sealed()) })
  const id = await errand.enqueue('plain')
  await errand.run()
  expect((await errand.get(id)).receipts).toMatchObject([{ error: { code: 'UNREACHABLE' } }])
  expect(lines.map((line) => JSON.parse(line) as object)).toContainEqual(
    expect.objectContaining({ message: 'an invoker threw', error: 'cannot be read' }),
  )
})
