import { describe, expect, it } from 'vitest'
import { testErrand } from '../support/errand.js'
import { clientOf, observedClock } from './support.js'
import { workers } from './workers.js'

/** As a coordinator answers that is overloaded. */
const overloaded = (retryAfter: number): Response => {
  const errand = { code: 'OVERLOADED', message: 'Too much waits.', retryAfter }
  const error = { json: { message: errand.message, code: -32_603, data: { code: 'SERVICE_UNAVAILABLE', errand } } }
  return Response.json({ error }, { status: 503, headers: { 'retry-after': String(retryAfter) } })
}

const to = (n: number) => ({ worker: 'mail.send', args: { to: `${n}@example.org` }, delay: '1d' }) as const

async function overloadedClient(answers: (Response | undefined)[], random = 1) {
  const clock = observedClock()
  const errand = await testErrand(workers, { clock })
  const { client, sent } = clientOf({ ...errand, clock }, { before: () => answers.shift(), random: () => random })
  const stored = async () => (await errand.database.db.collection('errand_jobs').distinct('args')).length
  return { client, sent, clock, stored, [Symbol.asyncDispose]: () => errand[Symbol.asyncDispose]() }
}

describe('a client of a coordinator that is overloaded', () => {
  it('asks again when it was told to and a little later, until the job is taken', async () => {
    await using errand = await overloadedClient([overloaded(2), overloaded(7)])
    const { client, clock, sent, stored } = errand
    const asked = client.enqueue('mail.send', { to: 'ada@example.org' }, { delay: '1d' })
    await clock.slept(3_000)
    expect(sent).toHaveLength(1)
    const again = clock.slept(10_500)
    await clock.advance('3s')
    await again
    expect(sent).toHaveLength(2)
    await clock.advance('10500ms')
    expect((await asked).state).toBe('scheduled')
    expect({ requests: sent.length, stored: await stored() }).toEqual({ requests: 3, stored: 1 })
  })

  it('never asks earlier than it was told to', async () => {
    await using errand = await overloadedClient([overloaded(2)], 0)
    const slept = errand.clock.slept(2_000)
    const asked = errand.client.enqueue('mail.send', { to: 'ada@example.org' }, { delay: '1d' })
    await slept
    await errand.clock.advance('2s')
    expect((await asked).state).toBe('scheduled')
  })

  it('enqueues all of many jobs, in their order, where any of their requests is refused for a while', async () => {
    await using errand = await overloadedClient([undefined, overloaded(1), overloaded(1)])
    const { client, clock, sent, stored } = errand
    const items = Array.from({ length: 10_002 }, (_, n) => to(n))
    const slept = clock.slept(1_500)
    const asked = client.enqueueMany(items)
    await slept
    const again = clock.slept(1_500)
    await clock.advance('1500ms')
    await again
    await clock.advance('1500ms')
    const outcomes = await asked
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(10_002)
    expect(sent.map(({ input }) => input.jobs.length)).toEqual([10_000, 2, 2, 2])
    expect(await stored()).toBe(10_002)
  })

  it('says so at once where it would have to wait for longer than a call may take', async () => {
    await using errand = await overloadedClient([overloaded(30)])
    await expect(errand.client.enqueue('mail.send', { to: 'ada@example.org' })).rejects.toMatchObject({
      code: 'OVERLOADED',
      details: { retryAfter: 30 },
    })
    expect(errand.sent).toHaveLength(1)
  })

  it('tells each of many jobs that could not be sent in time', async () => {
    await using errand = await overloadedClient([undefined, overloaded(30)])
    const outcomes = await errand.client.enqueueMany(Array.from({ length: 10_002 }, (_, n) => to(n)))
    expect(outcomes.slice(9_999).map((outcome) => outcome.ok || outcome.error.code)).toEqual([
      true,
      'OVERLOADED',
      'OVERLOADED',
    ])
    expect(await errand.stored()).toBe(10_000)
  })

  it('does not ask again for what may have happened, but for jobs, which have ids', async () => {
    const away = { code: 'UNAVAILABLE', message: 'It is away.', retryAfter: 1 }
    const answer = Response.json({ error: away }, { status: 503, headers: { 'retry-after': '1' } })
    await using errand = await overloadedClient([answer])
    await expect(errand.client.jobs.cancel('some')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(errand.sent).toHaveLength(1)
  })
})
