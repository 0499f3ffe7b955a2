import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import type { FunctionCall } from '../../../core/requests/wire.js'
import { reap } from '../../../server/jobs/reap.js'
import { testErrand, type TestErrand, type TestErrandOptions } from '../../support/errand.js'
import { handOperated, pathOf } from '../../support/handOperated.js'

const options = {
  args: z.object({}),
  timeout: '10s',
  retry: { attempts: 2, backoff: ['1s'] },
  run: () => null,
} as const
const encode = defineJob({ ...options, receipt: 'posted', maxRuntime: '2m' })
const answered = defineJob(options)
const workers = { encode, answered }

const listen = ({ coordinator }: TestErrand) => coordinator.deps.hearing.begin()
const beat = (errand: TestErrand, call: FunctionCall) => errand.post(pathOf(call, 'heartbeat'), {})

/** Second by second, as it is for a process that runs. */
async function pass({ clock }: TestErrand, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) await clock.advance('1s')
}

/** No timer rings while a process is halted. */
const halt = ({ clock }: TestErrand, seconds: number) => clock.set(new Date(clock.now().getTime() + seconds * 1_000))

/** A function has taken a call and works; its coordinator is killed, and a while later another one starts. */
async function restarted(worker: keyof typeof workers, awayFor: '5s' | '15s', more: TestErrandOptions = {}) {
  const functions = handOperated()
  const dying = await testErrand(workers, { invoke: functions.invoke })
  const id = await dying.enqueue(worker)
  await dying.claim()
  const { call, answer } = await functions.next()
  if (worker === 'encode') {
    answer({ kind: 'accepted' })
    await dying.coordinator.dispatcher.idle()
  }
  // else it would end the attempt by its own clock, before or after the other one does
  const { store } = dying.coordinator.deps
  const killed = () => Promise.reject(new Error('killed'))
  store.receipts.insertMany = killed
  store.jobs.apply = killed
  await dying.clock.advance(awayFor)
  const errand = await testErrand(workers, { beside: dying, ...more })
  listen(errand)
  return { dying, errand, id, call }
}

describe('a coordinator that was away', () => {
  it('does not take for silence what it could not hear, and takes the heartbeat that comes then', async () => {
    const { dying, errand, id, call } = await restarted('encode', '15s')
    await using _ = dying
    expect(await errand.reap()).toEqual([])
    await pass(errand, 4)
    expect(await errand.reap()).toEqual([])
    expect(await beat(errand, call)).toEqual({ status: 200, body: { deadline: '2030-01-01T00:00:29.000Z' } })
    await pass(errand, 9)
    expect(await errand.reap()).toEqual([])
    expect(await errand.post(pathOf(call), { status: 'success' })).toMatchObject({ status: 200 })
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', receipts: [{ attempt: 1, status: 'success' }] })
  })

  it('takes the receipt that was posted while nobody listened', async () => {
    const { dying, errand, id, call } = await restarted('encode', '15s')
    await using _ = dying
    expect(await errand.post(pathOf(call), { status: 'success' })).toMatchObject({ status: 200 })
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded' })
  })

  it('reaps what stays silent for a whole timeout from its return', async () => {
    const { dying, errand, id } = await restarted('encode', '15s')
    await using _ = dying
    await pass(errand, 10)
    expect(await errand.reap()).toEqual([id])
    expect(await errand.get(id)).toMatchObject({ receipts: [{ error: { code: 'TIMEOUT' } }] })
  })

  it('reaps at its deadline an attempt whose answer nobody can hear any more', async () => {
    const { dying, errand, id } = await restarted('answered', '15s')
    await using _ = dying
    expect(await errand.reap()).toEqual([id])
  })

  it('reaps at once what has run for as long as it may, whoever was away', async () => {
    const { dying, errand, id, call } = await restarted('encode', '5s')
    await using _ = dying
    for (let seconds = 5; seconds < 115; seconds += 5) {
      expect((await beat(errand, call)).status).toBe(200)
      await errand.clock.advance('5s')
    }
    await beat(errand, call)
    await errand.clock.advance('5s')
    listen(errand)
    expect(await errand.reap()).toEqual([id])
  })

  it.each([11, 15, 60])(
    'has a gap where it was halted for %i seconds: what fell due meanwhile has its time from then on',
    async (seconds) => {
      const { dying, errand, id, call } = await restarted('encode', '5s')
      await using _ = dying
      expect((await beat(errand, call)).status).toBe(200)
      await errand.reap()
      halt(errand, seconds)
      expect(await errand.reap()).toEqual([])
      await pass(errand, 9)
      expect(await errand.reap()).toEqual([])
      await pass(errand, 1)
      expect(await errand.reap()).toEqual([id])
    },
  )

  it('takes the heartbeat that comes first after it was halted, before anybody has looked', async () => {
    const { dying, errand, call } = await restarted('encode', '5s')
    await using _ = dying
    halt(errand, 15)
    expect((await beat(errand, call)).status).toBe(200)
  })

  it('has a gap while its database is away, and from its return on', async () => {
    const { dying, errand, id, call } = await restarted('encode', '5s')
    await using _ = dying
    expect((await beat(errand, call)).status).toBe(200)
    const { deps } = errand.coordinator
    let isAway = true
    Object.defineProperty(deps.presence, 'isAway', { get: () => isAway })
    await pass(errand, 12)
    expect(await errand.reap()).toEqual([])
    isAway = false
    deps.events.emit('databaseBack', undefined)
    await pass(errand, 9)
    expect(await errand.reap()).toEqual([])
    await pass(errand, 1)
    expect(await errand.reap()).toEqual([id])
  })

  it('answers nobody before it listens, so that no heartbeat is refused and no receipt is late', async () => {
    const { dying, errand, id, call } = await restarted('encode', '15s')
    await using _ = dying
    await using starting = await testErrand(workers, { beside: errand })
    const { coordinator } = starting
    const { store } = coordinator.deps
    let goOn = () => {}
    store.prepare = () => new Promise((resolve) => (goOn = resolve))
    const started = coordinator.start()
    const status = async (path: string) =>
      (await coordinator.fetch(new Request(`http://coordinator.test${path}`))).status
    expect([await status('/healthz'), await status('/readyz'), await status('/jobs')]).toEqual([200, 503, 503])
    expect(await beat(starting, call)).toMatchObject({ status: 503, body: { error: { code: 'UNAVAILABLE' } } })
    expect(await starting.post(pathOf(call), { status: 'success' })).toMatchObject({ status: 503 })
    goOn()
    await started
    expect(await starting.post(pathOf(call), { status: 'success' })).toMatchObject({ status: 200 })
    expect(await starting.get(id)).toMatchObject({ state: 'succeeded', attempt: 1 })
    await coordinator.stop({ graceMs: 0 })
  })

  it('finds those that are overdue behind many that have more time', async () => {
    const { dying, errand, id } = await restarted('encode', '15s')
    await using _ = dying
    const jobs = errand.database.db.collection<{ _id: string; deadline: Date }>('errand_jobs')
    const job = (await jobs.findOne({ _id: id }))!
    await jobs.insertMany(Array.from({ length: 600 }, (__, n) => ({ ...job, _id: `${id}-${n}` })))
    await jobs.insertOne({
      ...job,
      _id: 'z',
      worker: 'answered',
      deadline: new Date(job.deadline.getTime() + 1),
    } as never)
    expect(await errand.reap()).toEqual(['z'])
  })

  it('leaves an attempt to the call that is under way, which hears its answer itself', async () => {
    const functions = handOperated()
    await using errand = await testErrand(workers, { invoke: functions.invoke })
    const id = await errand.enqueue('answered')
    await errand.claim()
    const { answer } = await functions.next()
    const { deps, dispatcher } = errand.coordinator
    errand.clock.set(new Date('2030-01-01T00:01:00Z'))
    expect(await reap(deps, () => dispatcher.calls())).toEqual([])
    answer({ kind: 'receipt', receipt: { status: 'success' } })
    await dispatcher.idle()
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded' })
  })
})
