/** How many may wait at once, and what those are told who may not. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { createPlaces, limitsOfAll, limitsOfOne } from '../../../server/api/places.js'
import { cancelJob } from '../../../server/operations/jobActions.js'
import { clientOf } from '../../client/support.js'
import { testErrand } from '../../support/errand.js'
import type { Places } from '../../../server/deps.js'

const sleep = defineJob({ args: z.object({}), run: () => null })
const apiKeys = ['one', 'two', 'three'].map((name) => ({ role: 'enqueue' as const, key: `the-key-of-${name}-app` }))

/** Waits of three keys, by every door, on a coordinator with few places. */
async function waiting(ofOne = 2, ofAll = 3) {
  const errand = await testErrand({ sleep }, { apiKeys })
  const places = createPlaces({ waits: ofOne, ids: 100 }, { waits: ofAll, ids: 150 })
  let held = 0
  const counted: Places = {
    take(who, ids) {
      const leave = places.take(who, ids)
      held++
      return () => {
        held--
        leave()
      }
    },
    look: (who) => places.look(who),
  }
  Object.assign(errand.coordinator.deps, { places: counted })
  const untilHeld = async (count: number) => {
    while (held !== count) await new Promise((resolve) => setImmediate(resolve))
  }
  const id = errand.coordinator.deps.newId()
  await errand.database.db.collection<{ _id: string }>('errand_jobs').insertOne({
    _id: id,
    worker: 'sleep',
    args: '{}',
    state: 'scheduled',
    priority: 0,
    attempt: 0,
    maxAttempts: 1,
    revision: 0,
    runAt: new Date('2031-01-01'),
    createdAt: errand.clock.now(),
  } as { _id: string })
  const ask = (key: string, path: string, init: RequestInit = {}) =>
    errand.coordinator.fetch(
      new Request(`http://coordinator.test${path}`, {
        ...init,
        headers: { authorization: `Bearer the-key-of-${key}-app`, 'content-type': 'application/json' },
      }),
    )
  const input = (value: unknown) => `input=${encodeURIComponent(JSON.stringify({ json: value }))}`
  return { errand, id, ask, input, untilHeld }
}

describe('those who wait', () => {
  it('have so many places for each key, and the next is told to come later, by every door', async () => {
    const { errand, id, ask, input, untilHeld } = await waiting()
    await using _ = errand
    const held = [ask('one', `/job/${id}/receipt`), ask('one', `/trpc/jobs.wait?${input({ id })}`)]
    await untilHeld(2)
    const rest = await ask('one', `/job/${id}/receipt`)
    expect([rest.status, rest.headers.get('retry-after')]).toEqual([429, '5'])
    expect(await rest.json()).toMatchObject({ error: { code: 'TOO_MANY_REQUESTS', retryAfter: 5 } })
    for (const path of ['jobs.wait', 'jobs.waitMany', 'groups.wait']) {
      const trpc = await ask('one', `/trpc/${path}?${input(path === 'jobs.waitMany' ? { ids: [id] } : { id })}`)
      expect([path, trpc.status, trpc.headers.get('retry-after')]).toEqual([path, 429, '5'])
    }
    const stream = await ask('one', '/trpc/jobs.ended', {
      method: 'POST',
      body: JSON.stringify({ json: { ids: [id] } }),
    })
    expect([stream.status, stream.headers.get('retry-after')]).toEqual([429, '5'])
    expect(await stream.json()).toMatchObject({ error: { code: 'TOO_MANY_REQUESTS' } })
    // another key has places of its own
    const other = ask('two', `/job/${id}/receipt`)
    await untilHeld(3)
    // and all keys have so many together
    const full = await ask('three', `/job/${id}/receipt`)
    expect([full.status, full.headers.get('retry-after')]).toEqual([503, '5'])
    expect(await full.json()).toMatchObject({ error: { code: 'OVERLOADED' } })
    // all that wait are asleep, and what looks for ends of other coordinators
    while (errand.clock.sleeping() < 4) await new Promise((resolve) => setImmediate(resolve))
    await errand.clock.advance('25s')
    for (const answer of await Promise.all([...held, other])) expect(answer.ok).toBe(true)
    const after = ask('one', `/job/${id}/receipt?timeout=0s`)
    expect((await after).status).toBe(202)
  })

  it('leave their place when they go away', async () => {
    const { errand, id, ask, untilHeld } = await waiting(1)
    await using _ = errand
    const gone = new AbortController()
    const held = ask('one', `/job/${id}/receipt`, { signal: gone.signal })
    await untilHeld(1)
    expect((await ask('one', `/job/${id}/receipt`)).status).toBe(429)
    gone.abort()
    await held
    expect((await ask('one', `/job/${id}/receipt?timeout=0s`)).status).toBe(202)
  })

  it('are asked by the client to be patient, and told in the end', async () => {
    const { errand, id } = await waiting(1)
    await using _ = errand
    const leave = errand.coordinator.deps.places.take('setting:enqueue#1', 1)
    const { client, sent } = clientOf(errand, { apiKey: 'the-key-of-one-app' })
    const result = client.job(id).receipt({ timeout: '1h' })
    // it was refused, and sleeps until it may ask again
    while (errand.clock.sleeping() < 1 || sent.length === 0) await new Promise((resolve) => setImmediate(resolve))
    leave()
    await cancelJob(errand.coordinator.deps, id)
    for (let asked = sent.length; sent.length === asked;) {
      await errand.clock.advance('10s')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(await result).toMatchObject({ status: 'cancelled' })
  })
})

describe('places', () => {
  it('are counted in requests and in ids, of a key and of all', () => {
    const places = createPlaces({ waits: 3, ids: 10 }, { waits: 4, ids: 15 })
    const leave = places.take('a', 8)
    expect(() => places.take('a', 3)).toThrow('10 jobs')
    places.take('a', 2)
    expect(() => places.take('b', 6)).toThrow('15 jobs')
    leave()
    leave()
    places.take('b', 6)
    places.take('a', 1)
    places.take('a', 1)
    expect(() => places.take('a', 1)).toThrow('3 at once')
    expect(() => places.take('b', 1)).toThrow('4 at once')
    expect(() => places.look('a')).toThrow('3 at once')
    expect(() => places.look('c')).toThrow('4 at once')
  })

  it('are as the pages say', () => {
    expect(limitsOfOne).toEqual({ waits: 1_000, ids: 100_000 })
    expect(limitsOfAll).toEqual({ waits: 2_000, ids: 200_000 })
  })
})
