/**
 * Writes that follow from an old read, and match nothing: see docs/decisions/guards.md. Those on jobs stand in
 * revision.test.ts, those on groups in groupEnds.test.ts.
 */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { clientOf } from '../../client/support.js'
import { insteadOnce } from '../../support/between.js'
import { testErrand, type TestErrand } from '../../support/errand.js'

const plain = defineJob({ args: z.object({ n: z.number() }), run: () => null })

const ask = async ({ coordinator }: TestErrand, method: string, path: string, body?: unknown) => {
  const init = { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) ?? null }
  const response = await coordinator.fetch(new Request(`http://coordinator.test${path}`, init))
  return { status: response.status, body: await response.json() }
}

describe('a schedule', () => {
  it('that was removed and made anew under its id is not changed back to what it was', async () => {
    await using errand = await testErrand({ plain })
    const { schedules } = errand.coordinator.deps.store
    const nightly = { id: 'a', worker: 'plain', cron: '0 3 * * *' }
    await errand.post('/schedules', { ...nightly, args: { n: 1 } })
    insteadOnce(schedules, 'redefine', (redefine) => async (...given) => {
      await ask(errand, 'DELETE', '/schedules/a')
      await errand.clock.advance('1s')
      await errand.post('/schedules', { ...nightly, args: { n: 2 } })
      return redefine(...given)
    })
    expect(await ask(errand, 'PATCH', '/schedules/a', { priority: 5 })).toMatchObject({
      status: 200,
      body: { args: { n: 2 }, priority: 5 },
    })
    expect(await schedules.find('a')).toMatchObject({ args: '{"n":2}', priority: 5 })
  })
})

describe('a circuit breaker', () => {
  it('is not closed by one who saw it before it changed, though its moment is the same', async () => {
    await using errand = await testErrand({ plain })
    const { pauses } = errand.coordinator.deps.store
    const at = errand.clock.now()
    const until = new Date(at.getTime() + 20_000)
    const broken = { until, times: 1, code: 'UNREACHABLE' }
    const opened = { _id: 'breaker:plain', worker: 'plain', by: 'circuit breaker', at, broken }
    await pauses.insert(opened)
    const probed = { ...opened, broken: { ...broken, probe: 'a job' } }
    expect(await pauses.turnBreaker(opened, probed.broken)).toBe(true)
    expect(await pauses.removeBreaker(opened)).toBe(false)
    expect(await pauses.turnBreaker(opened, { ...broken, times: 2 })).toBe(false)
    expect(await pauses.turnBreaker(probed, { ...broken, times: 2 })).toBe(true)
    expect(await pauses.removeBreaker(probed)).toBe(false)
    expect(await pauses.list()).toMatchObject([{ broken: { times: 2 } }])
  })
})

describe('a key', () => {
  it('that was made under the name of a revoked one is not marked as leaving', async () => {
    await using errand = await testErrand({ plain })
    const open = clientOf(errand, {}).client
    const { key } = await open.keys.create({ name: 'ada', role: 'operate' })
    const ada = clientOf(errand, { apiKey: key }).client
    await ada.keys.create({ name: 'bob', role: 'operate' })
    insteadOnce(errand.coordinator.deps.store.apiKeys, 'setLeaving', (setLeaving) => async (...given) => {
      await ada.keys.revoke('bob')
      await ada.keys.create({ name: 'bob', role: 'operate' })
      return setLeaving(...given)
    })
    await expect(ada.keys.revoke('bob')).rejects.toMatchObject({ code: 'UNKNOWN_KEY' })
    await ada.keys.revoke('ada')
    expect(await errand.coordinator.deps.store.apiKeys.all()).toMatchObject([{ _id: 'bob' }])
  })
})

describe('an attempt that was never called', () => {
  it('is not taken back once a reaper has written its receipt, however the coordinators are halted', async () => {
    const paced = defineJob({
      args: z.object({ n: z.number() }),
      throttle: { limit: 1, per: '1s', burst: 1 },
      retry: { attempts: 2, backoff: ['1s'] },
      timeout: '5s',
      run: () => null,
    })
    await using errand = await testErrand({ paced })
    await using other = await testErrand({ paced }, { beside: errand })
    const { jobs } = errand.coordinator.deps.store
    const ids: string[] = []
    for (const n of [1, 2]) {
      ids.push((await errand.post('/job', { worker: 'paced', args: { n }, delay: '1s' })).body.id)
    }
    await errand.clock.advance('1s')
    await jobs.stage(errand.clock.now(), 10)
    insteadOnce(jobs, 'apply', (apply) => async (...given) => {
      // the throttle sends one away; meanwhile it is reaped, by a coordinator that dies behind the receipt
      await errand.clock.advance('5s')
      const { jobs } = other.coordinator.deps.store
      other.coordinator.deps.store.jobs = { ...jobs, apply: () => Promise.reject(new Error('killed')) }
      await expect(other.reap()).rejects.toThrow('killed')
      other.coordinator.deps.store.jobs = jobs
      return apply(...given)
    })
    await errand.claim()
    for (let round = 0; round < 6; round++) {
      await other.reap()
      await errand.clock.advance('5s')
      await other.run()
    }
    for (const id of ids) {
      const attempts = (await other.get(id)).receipts.map(({ attempt }) => attempt)
      expect(attempts).toEqual([...new Set(attempts)])
    }
  })
})
