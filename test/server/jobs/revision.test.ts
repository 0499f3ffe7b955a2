import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob, type JobOptions } from '../../../core/index.js'
import { betweenReadAndClaim } from '../../support/between.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import { handOperated } from '../../support/handOperated.js'

const args = z.object({ note: z.string() })
const worker = (more: Partial<JobOptions<typeof args, null>>) =>
  defineJob({
    args,
    result: z.null(),
    retry: { attempts: 2, backoff: { kind: 'fixed', delay: '1s' } },
    timeout: '10s',
    run: () => null,
    ...more,
  })

const replacing = { unique: { key: () => 'one', onConflict: 'replace' } } as const
const kinds = {
  'a worker': worker(replacing),
  'a worker with a limit': worker({ ...replacing, concurrency: { limit: 1 } }),
}

const post = (errand: TestErrand, note: string, more = {}) =>
  errand.post('/job', { worker: 'save', args: { note }, ...more })

/** A job whose time has come, and that nobody has claimed yet. */
async function due(errand: TestErrand): Promise<string> {
  const { body } = await post(errand, 'first', { delay: '1s' })
  await errand.clock.advance('1s')
  await stageUnheard(errand)
  return body.id as string
}

/** As a coordinator does that nobody here hears of, so that no claim follows. */
const stageUnheard = ({ coordinator: { deps } }: TestErrand) => deps.store.jobs.stage(deps.clock.now(), 10)

describe.each(Object.entries(kinds))('a claim of %s', (_, save) => {
  it('runs the args that were put in place of those it had read', async () => {
    const functions = handOperated()
    await using errand = await testErrand({ save }, { invoke: functions.invoke })
    const id = await due(errand)
    betweenReadAndClaim(errand, async () => {
      expect(await post(errand, 'second')).toMatchObject({ status: 200, body: { id, existing: true } })
    })
    await errand.claim()
    await errand.claim()
    const { call, answer } = await functions.next()
    expect(call).toMatchObject({ id, attempt: 1, args: { note: 'second' } })
    answer({ kind: 'receipt', receipt: { status: 'success', result: null } })
    await errand.coordinator.dispatcher.idle()
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded', args: { note: 'second' } })
  })

  it('leaves a job alone whose time was moved since it was read', async () => {
    await using errand = await testErrand({ save })
    const id = await due(errand)
    betweenReadAndClaim(errand, () => post(errand, 'second', { delay: '1h' }))
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'scheduled', args: { note: 'second' }, receipts: [] })
  })

  it('counts the attempts that others have made since it was read', async () => {
    const functions = handOperated()
    const elsewhere = handOperated()
    await using errand = await testErrand({ save }, { invoke: functions.invoke })
    await using other = await testErrand({ save }, { invoke: elsewhere.invoke, beside: errand })
    const id = await due(errand)
    betweenReadAndClaim(errand, async () => {
      await other.claim()
      await elsewhere.next()
      await errand.clock.advance('10s')
      await other.reap()
      // the place of a run that nobody heard answer falls free five seconds after its deadline
      await errand.clock.advance('5s')
      await stageUnheard(other)
    })
    await errand.claim()
    await errand.claim()
    const { call, answer } = await functions.next()
    expect(call).toMatchObject({ id, attempt: 2, maxAttempts: 2 })
    answer({ kind: 'receipt', receipt: { status: 'failure', error: { name: 'Error', message: 'no' } } })
    await errand.coordinator.dispatcher.idle()
    const job = await errand.get(id)
    expect(job).toMatchObject({ state: 'failed', attempt: 2 })
    expect(job.receipts.map(({ attempt }) => attempt)).toEqual([1, 2])
  })
})

describe('a pause of a key', () => {
  it('does not hold a job whose key is another one since it was read', async () => {
    const ran: string[] = []
    const save = worker({
      ...replacing,
      throttle: { limit: 100, per: '1s', key: ({ note }) => note },
      run: ({ note }) => {
        ran.push(note)
        return null
      },
    })
    await using errand = await testErrand({ save })
    const id = await due(errand)
    expect((await errand.post('/pauses', { worker: 'save', key: 'first' })).status).toBe(201)
    betweenReadAndClaim(errand, () => post(errand, 'second'))
    await errand.claim()
    await errand.run()
    expect(await errand.get(id)).toMatchObject({ state: 'succeeded' })
    expect(ran).toEqual(['second'])
  })
})
