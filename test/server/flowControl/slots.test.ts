import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { cancelJob } from '../../../server/operations/jobActions.js'
import { sweepBlocked } from '../../../server/flowControl/slots.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import { handOperated, pathOf } from '../../support/handOperated.js'

/** What is counted is what runs: each of these lets a job move on while its function works. */
const sync = defineJob({
  args: z.object({ n: z.number().default(0) }),
  concurrency: { limit: 1 },
  timeout: '30s',
  retry: { attempts: 3, backoff: ['1s'] },
  run: () => null,
})

const stateOf = async (errand: TestErrand, id: string) => (await errand.get(id)).state
const sweep = async (errand: TestErrand) => {
  await sweepBlocked(errand.coordinator.deps)
  await errand.claim()
}

/** One job runs, and another one waits for its place. */
async function occupied() {
  const functions = handOperated()
  const errand = await testErrand({ sync }, { invoke: functions.invoke })
  const first = await errand.enqueue('sync')
  await errand.claim()
  const running = await functions.next()
  const second = await errand.enqueue('sync')
  await errand.claim()
  expect(await stateOf(errand, second)).toBe('blocked')
  return { errand, functions, first, second, running }
}

describe('a place under a concurrency limit', () => {
  it('stays taken by a run that was cancelled, until the deadline that its function knows, and five seconds', async () => {
    const { errand, functions, first, second } = await occupied()
    await using _ = errand
    await cancelJob(errand.coordinator.deps, first)
    await errand.coordinator.dispatcher.idle()
    await errand.clock.advance('34s')
    await sweep(errand)
    expect(await stateOf(errand, second)).toBe('blocked')
    await errand.clock.advance('1s')
    await sweep(errand)
    expect((await functions.next()).call.id).toBe(second)
  })

  it('falls free at once where the function of a cancelled run tells that its work is over', async () => {
    const { errand, functions, first, second, running } = await occupied()
    await using _ = errand
    await cancelJob(errand.coordinator.deps, first)
    expect(await errand.post(pathOf(running.call, 'ended'), {})).toMatchObject({ status: 200 })
    expect((await functions.next()).call.id).toBe(second)
  })

  it('is given to nobody for the word of a stranger', async () => {
    const { errand, second, running } = await occupied()
    await using _ = errand
    const [path] = pathOf(running.call, 'ended').split('?')
    expect(await errand.post(`${path}?token=none.none`, {})).toMatchObject({ status: 401 })
    await sweep(errand)
    expect(await stateOf(errand, second)).toBe('blocked')
  })

  it('falls free where the receipt of a cancelled run comes after all', async () => {
    const { errand, functions, first, second, running } = await occupied()
    await using _ = errand
    await cancelJob(errand.coordinator.deps, first)
    expect(await errand.post(pathOf(running.call), { status: 'success' })).toMatchObject({ status: 409 })
    expect((await functions.next()).call.id).toBe(second)
  })

  it('stays taken by a run that a shutdown broke off, also on the coordinator that goes on', async () => {
    const { errand, first, second } = await occupied()
    await using _ = errand
    const others = handOperated()
    await using other = await testErrand({ sync }, { invoke: others.invoke, beside: errand })
    await errand.coordinator.stop({ graceMs: 0 })
    expect(await other.get(first)).toMatchObject({ state: 'queued', attempt: 0 })
    await other.claim()
    expect([await stateOf(other, first), await stateOf(other, second)]).toEqual(['blocked', 'blocked'])
    await other.clock.advance('35s')
    await sweep(other)
    // uncharged, and first in line
    expect((await others.next()).call).toMatchObject({ id: first, attempt: 1 })
    expect(await stateOf(other, second)).toBe('blocked')
  })

  it('stays taken by a run that timed out, whose function may take a moment more', async () => {
    const { errand, functions, first, second } = await occupied()
    await using _ = errand
    await errand.clock.advance('30s')
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(first)).toMatchObject({ state: 'scheduled', receipts: [{ error: { code: 'TIMEOUT' } }] })
    await errand.clock.advance('4s')
    await sweep(errand)
    expect(await stateOf(errand, second)).toBe('blocked')
    await errand.clock.advance('1s')
    await sweep(errand)
    expect((await functions.next()).call.id).toBe(second)
  })

  it('stays taken where a function says that it timed out, of a run that its job has left behind', async () => {
    const { errand, second, running } = await occupied()
    await using _ = errand
    await errand.clock.advance('31s')
    await errand.coordinator.dispatcher.idle()
    const late = { status: 'failure', error: { name: 'AttemptError', message: 'not done', code: 'TIMEOUT' } }
    expect(await errand.post(pathOf(running.call), late)).toMatchObject({ status: 409 })
    await sweep(errand)
    expect(await stateOf(errand, second)).toBe('blocked')
  })

  it.each([
    ['the connection was lost after the call was sent', { code: 'UNREACHABLE', mayRun: true as const }],
    ['something between gave up waiting for the function', { code: 'HTTP_504' }],
  ])('stays taken where %s', async (_name, failed) => {
    const { errand, second, running } = await occupied()
    await using _ = errand
    running.answer({ kind: 'failed', message: 'no answer', ...failed })
    await errand.coordinator.dispatcher.idle()
    await sweep(errand)
    expect(await stateOf(errand, second)).toBe('blocked')
  })

  it.each([
    ['the function was not reached', 'UNREACHABLE'],
    ['the function answered with an error', 'HTTP_500'],
  ])('falls free where %s', async (_name, code) => {
    const { errand, functions, second, running } = await occupied()
    await using _ = errand
    running.answer({ kind: 'failed', code, message: 'no' })
    expect((await functions.next()).call.id).toBe(second)
  })

  it('is kept as long as heartbeats move the deadline', async () => {
    const { errand, second, running } = await occupied()
    await using _ = errand
    await errand.clock.advance('20s')
    expect(await errand.post(pathOf(running.call, 'heartbeat'), {})).toMatchObject({ status: 200 })
    await errand.clock.advance('20s')
    await sweep(errand)
    expect(await stateOf(errand, second)).toBe('blocked')
  })

  it('is offered again at the very moment when the time of a run is over that nobody heard answer', async () => {
    const { errand, first } = await occupied()
    await using _ = errand
    const expiry = new Promise<Date>((resolve) => errand.coordinator.deps.events.on('slotExpires', resolve))
    await cancelJob(errand.coordinator.deps, first)
    expect(await expiry).toEqual(new Date('2030-01-01T00:00:35Z'))
    expect(await sweepBlocked(errand.coordinator.deps)).toEqual(new Date('2030-01-01T00:00:35Z'))
  })

  it('is taken by no more than the limit, whoever asks at once', async () => {
    await using errand = await testErrand({ sync })
    const { slots } = errand.coordinator.deps.store
    const now = errand.clock.now()
    const until = new Date(now.getTime() + 30_000)
    const ask = (claim: string) =>
      slots.take([{ slotKey: 'k', limit: 3, users: [{ job: 'a', claim, since: now, until }] }], now)
    const taken = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(`c${n}`)))
    expect(new Set(taken.flatMap((runs) => [...runs])).size).toBe(3)
    // what is asked for once more, because an answer was lost, is there once
    const [known] = [...taken.find((runs) => runs.size > 0)!]
    await ask(known!.split(':')[1]!)
    expect((await slots.inUse(['k'], now)).get('k')).toHaveLength(3)
  })

  it('leaves nothing behind once its runs are long over', async () => {
    const { errand, running, second } = await occupied()
    await using _ = errand
    await cancelJob(errand.coordinator.deps, second)
    running.answer({ kind: 'receipt', receipt: { status: 'success' } })
    await errand.coordinator.dispatcher.idle()
    const slots = errand.database.db.collection('errand_slots')
    await errand.purge()
    expect(await slots.countDocuments()).toBe(1)
    await errand.clock.advance('2m')
    await errand.purge()
    expect(await slots.countDocuments()).toBe(0)
  })
})
