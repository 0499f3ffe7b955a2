/** Erase: what a person's data leaves behind, in any collection. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob, groupSummary } from '../../../core/index.js'
import { testErrand, type TestErrand } from '../../support/errand.js'

/** Stands in args, results, logs, errors and keys, and may be nowhere afterwards. */
const marker = 'ada-lovelace-1815'

const greet = defineJob({
  args: z.object({ to: z.string(), fail: z.boolean().default(false), children: z.boolean().default(false) }),
  retry: { attempts: 2, backoff: { kind: 'fixed', delay: '1s' } },
  throttle: { limit: 100, per: '1s', key: ({ to }) => to },
  concurrency: { limit: 10, key: ({ to }) => to },
  unique: { key: ({ to }) => to, onConflict: 'return' },
  async run({ to, fail }, ctx) {
    ctx.log(`greets ${to}`, { to })
    ctx.progress(0.5, `half of ${to}`)
    if (fail || ctx.attempt === 1) throw Object.assign(new Error(`no ${to}`), { code: `E_${to}` })
    return { greeted: to }
  },
})
const merge = defineJob({
  args: z.object({ group: groupSummary(), note: z.string().optional() }),
  run: () => null,
})
const parent = defineJob({
  args: z.object({ to: z.string() }),
  async run({ to }, ctx) {
    await (ctx.enqueue as (worker: string, args: object) => Promise<unknown>)('greet', { to, fail: true })
    return null
  },
})
const workers = { greet, merge, parent }

async function runAll(errand: TestErrand): Promise<void> {
  for (let round = 0; round < 4; round++) {
    await errand.run()
    await errand.clock.advance('2s')
    await errand.stage()
  }
}

/** The collections in which the marker stands, with how many documents. */
async function whereMarkerIs({ database: { db } }: TestErrand): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const { name } of await db.listCollections().toArray()) {
    const documents = await db.collection(name).find().toArray()
    const holding = documents.filter((document) => JSON.stringify(document).includes(marker))
    if (holding.length > 0) found[name] = holding.length
  }
  return found
}

/** Counts, then erases what was counted. */
async function erase(
  errand: TestErrand,
  filter: object,
): Promise<any> /* oxlint-disable-line typescript/no-explicit-any */ {
  const { body } = await errand.post('/jobs/erase', { filter, dryRun: true })
  const { body: outcome } = await errand.post('/jobs/erase', { filter, token: body.token as string })
  return { count: body.count as number, ...(outcome as object) }
}

describe('an erase', () => {
  it('leaves nothing of args, results, logs, errors and keys, by id, key and parent', async () => {
    await using errand = await testErrand(workers)
    const byId = await errand.enqueue('greet', { to: marker })
    await runAll(errand)
    await errand.enqueue('greet', { to: marker, fail: true })
    await runAll(errand)
    const source = await errand.enqueue('parent', { to: marker })
    await runAll(errand)
    // both have their receipts, and more of it stands in other collections than in these two
    expect(await errand.get(byId)).toMatchObject({
      state: 'succeeded',
      receipts: [{}, { result: { greeted: marker } }],
    })
    expect(Object.keys(await whereMarkerIs(errand))).toEqual(
      expect.arrayContaining(['errand_jobs', 'errand_receipts', 'errand_throttles', 'errand_slots']),
    )

    expect(await erase(errand, { parent: source })).toMatchObject({ count: 1, done: 1, skipped: [] })
    expect(await erase(errand, { ids: [byId, source] })).toMatchObject({ count: 2, done: 2, skipped: [] })
    expect(await erase(errand, { worker: 'greet', key: marker })).toMatchObject({ count: 1, done: 1, skipped: [] })
    expect(await errand.get(byId)).toMatchObject({ state: 'succeeded', args: null, erased: true, receipts: [] })
    // throttles and slots forget keys by themselves
    await errand.clock.advance('10m')
    await errand.purge()
    expect(await whereMarkerIs(errand)).toEqual({})
  })

  it('reaches the callback of the group, and what the group keeps for it', async () => {
    await using errand = await testErrand(workers)
    const { body: group } = await errand.post('/groups', {
      jobs: [
        { worker: 'greet', args: { to: marker } },
        { worker: 'greet', args: { to: 'somebody else' } },
      ],
      then: { worker: 'merge', args: { note: `for ${marker}` } },
    })
    await runAll(errand)
    await runAll(errand)
    const { body: shown } = await ask(errand, `/groups/${group.id}`)
    const callback = shown.then.jobId as string
    expect((await errand.get(callback)).args).toMatchObject({ group: { succeeded: 2 }, note: `for ${marker}` })

    const { body: members } = await ask(errand, `/groups/${group.id}/jobs`)
    const [member] = members.jobs.filter(({ args }: { args: { to: string } }) => args.to === marker)
    await erase(errand, { ids: [member.id] })
    const { args } = await errand.get(callback)
    expect(args).toMatchObject({
      group: { succeeded: 2, members: [{ id: member.id }, { result: { greeted: 'somebody else' } }] },
    })
    expect(JSON.stringify(args)).not.toContain(`"greeted":"${marker}"`)
    await erase(errand, { ids: [callback] })
    await errand.clock.advance('10m')
    await errand.purge()
    expect(await whereMarkerIs(errand)).toEqual({})
  })

  it('takes what it comes too late for out of a callback that is made just then', async () => {
    await using errand = await testErrand(workers)
    const { body: group } = await errand.post('/groups', {
      jobs: [{ worker: 'greet', args: { to: marker } }],
      then: { worker: 'merge' },
    })
    const { deps } = errand.coordinator
    const insertJob = deps.writes.insertJob.bind(deps.writes)
    const { body: members } = await ask(errand, `/groups/${group.id}/jobs`)
    // between the summary and the insert of the callback
    deps.writes.insertJob = async (job, lane) => {
      if (job.callbackOf !== undefined) await erase(errand, { ids: [members.jobs[0].id] })
      return insertJob(job, lane)
    }
    await runAll(errand)
    await errand.clock.advance('10m')
    await errand.purge()
    expect(await whereMarkerIs(errand)).toEqual({})
  })

  it('is for final jobs: the others are named, and keep what they have', async () => {
    await using errand = await testErrand(workers)
    const id = await errand.enqueue('greet', { to: marker }, { delay: '1h' })
    expect(await erase(errand, { ids: [id] })).toMatchObject({
      count: 1,
      done: 0,
      skipped: [{ id, code: 'WRONG_STATE', message: expect.stringContaining('Cancel it first') as string }],
    })
    expect((await errand.get(id)).args).toMatchObject({ to: marker })
  })

  it('makes a job one that runs no more, and whose late receipt is refused', async () => {
    await using errand = await testErrand(workers)
    const id = await errand.enqueue('greet', { to: marker })
    await runAll(errand)
    await erase(errand, { ids: [id] })
    expect(await errand.post(`/jobs/${id}/retry`, {})).toMatchObject({
      status: 409,
      body: { error: { code: 'WRONG_STATE' } },
    })
    expect(await errand.post(`/jobs/${id}/replay`, {})).toMatchObject({ status: 409 })
    expect(await errand.post(`/jobs/${id}/replay`, { args: { to: 'x' } })).toMatchObject({ status: 201 })
    // asked again, it does no harm
    expect(await erase(errand, { ids: [id] })).toMatchObject({ done: 1 })
  })

  it('is counted first, audited without the key, and wants one way to name jobs', async () => {
    const apiKeys = [{ role: 'operate' as const, key: 'the-key-of-an-operator', name: 'ada' }]
    await using errand = await testErrand(workers, { apiKeys })
    const authorization = { authorization: 'Bearer the-key-of-an-operator' }
    const filter = { worker: 'greet', key: marker }
    const counted = await errand.post('/jobs/erase', { filter, dryRun: true }, authorization)
    await errand.post('/jobs/erase', { filter, token: counted.body.token as string }, authorization)
    for (const bad of [{}, { worker: 'greet' }, { key: marker }, { ids: ['a'], parent: 'b' }]) {
      expect((await errand.post('/jobs/erase', { filter: bad, dryRun: true }, authorization)).status).toBe(400)
    }
    expect((await errand.post('/jobs/erase', { filter }, authorization)).status).toBe(400)
    const entries = await errand.database.db.collection('errand_audit').find({ action: 'jobs.erase' }).toArray()
    expect(entries).toHaveLength(7)
    expect(JSON.stringify(entries)).not.toContain(marker)
  })

  it('that was broken off may be asked for again by its key', async () => {
    await using errand = await testErrand(workers)
    await errand.enqueue('greet', { to: marker })
    await runAll(errand)
    const { receipts } = errand.coordinator.deps.store
    const removeOfJobs = receipts.removeOfJobs.bind(receipts)
    receipts.removeOfJobs = () => Promise.reject(new Error('broken off'))
    const filter = { worker: 'greet', key: marker }
    const { body } = await errand.post('/jobs/erase', { filter, dryRun: true })
    expect((await errand.post('/jobs/erase', { filter, token: body.token as string })).status).toBe(500)
    receipts.removeOfJobs = removeOfJobs
    expect(await erase(errand, filter)).toMatchObject({ count: 1, done: 1 })
    await errand.clock.advance('10m')
    await errand.purge()
    expect(await whereMarkerIs(errand)).toEqual({})
  })
})

describe('a retry now', () => {
  it('starts a job that waits for its next attempt, or for its time', async () => {
    await using errand = await testErrand(workers)
    const failed = await errand.enqueue('greet', { to: 'a' })
    await errand.run()
    expect(await errand.get(failed)).toMatchObject({ state: 'scheduled', attempt: 1 })
    const delayed = await errand.enqueue('greet', { to: 'b' }, { delay: '1h' })
    expect((await errand.post(`/jobs/${failed}/retry`, {})).status).toBe(409)
    for (const id of [failed, delayed]) {
      expect(await errand.post(`/jobs/${id}/retry`, { now: true })).toEqual({
        status: 200,
        body: { id, state: 'queued' },
      })
    }
    await errand.run()
    expect(await errand.get(failed)).toMatchObject({ state: 'succeeded', attempt: 2 })
    expect(await errand.get(delayed)).toMatchObject({ state: 'scheduled', attempt: 1 })
  })

  it('leaves one that waits for its turn by a throttle, which would lose its place', async () => {
    const slow = defineJob({ args: z.object({}), throttle: { limit: 1, per: '1m' }, run: () => null })
    await using errand = await testErrand({ slow })
    await errand.enqueue('slow', {})
    const waiting = await errand.enqueue('slow', {})
    await errand.run()
    expect(await errand.get(waiting)).toMatchObject({ state: 'scheduled' })
    expect(await errand.post(`/jobs/${waiting}/retry`, { now: true })).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('throttle') as string } },
    })
  })

  it('leaves one that runs, and retries one that is final as ever', async () => {
    await using errand = await testErrand(workers)
    const id = await errand.enqueue('greet', { to: 'a', fail: true })
    await runAll(errand)
    expect((await errand.get(id)).state).toBe('failed')
    expect(await errand.post(`/jobs/${id}/retry`, { now: true })).toMatchObject({ status: 200 })
    await errand.database.db
      .collection<{ _id: string; state: string }>('errand_jobs')
      .updateOne({ _id: id }, { $set: { state: 'running' } })
    expect(await errand.post(`/jobs/${id}/retry`, { now: true })).toMatchObject({ status: 409 })
  })
})

async function ask(
  { coordinator }: TestErrand,
  path: string,
): Promise<{ body: any }> /* oxlint-disable-line typescript/no-explicit-any */ {
  const response = await coordinator.fetch(new Request(`http://coordinator.test${path}`))
  return { body: await response.json() }
}
