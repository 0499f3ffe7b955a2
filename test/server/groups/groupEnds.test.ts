/** What may happen between two reads of a coordinator that looks whether a group is over. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob, groupSummary, type GroupSummary } from '../../../core/index.js'
import { sweepGroups } from '../../../server/groups/sweep.js'
import { retryJob } from '../../../server/operations/jobActions.js'
import type { GroupDocument, JobDocument } from '../../../server/store/documents.js'
import { groupsStore, type GroupsStore } from '../../../server/store/groups.js'
import { insteadOnce } from '../../support/between.js'
import { testErrand, type TestErrand } from '../../support/errand.js'

const makeWorkers = () => {
  const summaries: GroupSummary[] = []
  const part = defineJob({
    args: z.object({ fails: z.boolean() }),
    retry: { attempts: 1 },
    run: ({ fails }) => {
      if (fails) throw new Error('no')
      return null
    },
  })
  const merge = defineJob({
    args: z.object({ group: groupSummary() }),
    run: ({ group }) => {
      summaries.push(group as GroupSummary)
      return null
    },
  })
  return { summaries, workers: { part, merge } }
}
const part = (fails: boolean, more: object = {}) => ({ worker: 'part', args: { fails }, ...more })

const make = async (errand: TestErrand, jobs: unknown[], more: object = {}): Promise<string> =>
  (await errand.post('/groups', { jobs, ...more })).body.id as string
const collections = ({ database }: TestErrand) => ({
  jobs: database.db.collection<JobDocument>('errand_jobs'),
  groups: database.db.collection<GroupDocument>('errand_groups'),
})
const groupOf = (errand: TestErrand, filter: object) => collections(errand).groups.findOne(filter)

/**
 * The store's groups, where something happens behind the nth of its single reads. Reads that are asked meanwhile wait
 * for it.
 */
function groupsWhere(errand: TestErrand, nth: number, happens: () => Promise<void>): GroupsStore {
  const { jobs, groups } = collections(errand)
  let reads = 0
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn =
    (findOne: (...given: unknown[]) => Promise<unknown>) =>
    (...given: unknown[]): Promise<unknown> => {
      const read = turn.then(async () => {
        const found = await findOne(...given)
        if (++reads === nth) await happens()
        return found
      })
      turn = read
      return read
    }
  const watched = <Collection extends { findOne: never }>(collection: Collection) =>
    new Proxy(collection, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        const bound = value.bind(target) as (...given: unknown[]) => Promise<unknown>
        return name === 'findOne' ? inTurn(bound) : bound
      },
    })
  return groupsStore(watched(groups as never), watched(jobs as never))
}

describe('a look whether a group is over', () => {
  it.each([1, 2, 3])('misses no nested group that makes its callback and closes behind read %i', async (nth) => {
    const { workers } = makeWorkers()
    await using errand = await testErrand(workers)
    const id = await make(errand, [{ group: [part(false, { delay: '1h' })], then: { worker: 'merge', args: {} } }])
    const nested = (await groupOf(errand, { parent: id }))!
    let happened = false
    const groups = groupsWhere(errand, nth, async () => {
      happened = true
      // its last member ends, the callback is made, and does not run yet
      const { jobs } = collections(errand)
      await jobs.updateOne({ group: nested._id }, { $set: { state: 'succeeded' }, $unset: { groupOpen: '' } })
      await errand.post('/pauses', { worker: 'merge' })
      await errand.coordinator.deps.groups.closeIfOver(nested._id)
      expect(await groupOf(errand, { _id: nested._id })).toMatchObject({ state: 'closed' })
    })
    expect(await groups.hasOpenMembers(id)).toBe(true)
    // it may have known before it came to a later read
    expect(happened || nth > 1).toBe(true)
  })
})

describe('a group that is about to be closed', () => {
  it('waits for a member that an operator has retried since, and ends as that does', async () => {
    const { workers, summaries } = makeWorkers()
    await using errand = await testErrand(workers)
    const { deps } = errand.coordinator
    const id = await make(errand, [{ group: [part(true, { delay: '1s' })] }], { then: { worker: 'merge', args: {} } })
    const nested = (await groupOf(errand, { parent: id }))!
    const member = (await collections(errand).jobs.findOne({ group: nested._id }))!

    insteadOnce(deps.store.groups, 'hasOpenMembers', (hasOpenMembers) => async (asked) => {
      const open = await hasOpenMembers(asked)
      expect({ asked, open }).toEqual({ asked: nested._id, open: false })
      await retryJob(deps, member._id)
      return open
    })
    await errand.clock.advance('1s')
    for (let round = 0; round < 4; round++) await errand.run()
    expect((await errand.get(member._id)).receipts).toHaveLength(2)
    expect(await groupOf(errand, { _id: nested._id })).toMatchObject({ state: 'closed', outcome: 'failed' })
    expect(summaries).toMatchObject([{ failed: 1, succeeded: 0 }])
  })

  it('is cancelled where somebody cancels it before', async () => {
    const { workers } = makeWorkers()
    await using errand = await testErrand(workers)
    const { deps } = errand.coordinator
    const id = await make(errand, [part(false, { delay: '1s' })])
    insteadOnce(deps.store.groups, 'close', (close) => async (...given) => {
      await deps.store.groups.markCancelled(id)
      return close(...given)
    })
    await errand.clock.advance('1s')
    await errand.run()
    await sweepGroups(deps)
    expect(await groupOf(errand, { _id: id })).toMatchObject({ state: 'closed', outcome: 'cancelled' })
  })

  it('is not stuck where somebody cancels it while its callback cannot be made', async () => {
    const { workers } = makeWorkers()
    await using errand = await testErrand({
      ...workers,
      picky: defineJob({
        args: z.object({ group: groupSummary().refine(({ failed }) => failed === 0, 'takes no failures') }),
        run: () => null,
      }),
    })
    const { deps } = errand.coordinator
    const id = await make(errand, [part(true, { delay: '1s' })], { then: { worker: 'picky', args: {} } })
    insteadOnce(deps.store.groups, 'setProblem', (setProblem) => async (...given) => {
      // by a coordinator that dies behind the mark
      await deps.store.groups.markCancelled(id)
      return setProblem(...given)
    })
    await errand.clock.advance('1s')
    await errand.run()
    await sweepGroups(deps)
    expect(await groupOf(errand, { _id: id })).toMatchObject({ state: 'closed', cancelled: true })
  })
})

describe('a member that an operator has retried since its group was closed', () => {
  it('is not cancelled by a coordinator that was cancelling the rest', async () => {
    const { workers } = makeWorkers()
    await using errand = await testErrand(workers)
    const { deps } = errand.coordinator
    const id = await make(errand, [part(true, { delay: '1s' }), part(false, { delay: '2s' })], { policy: 'cancelRest' })
    const member = (await collections(errand).jobs.findOne({ group: id, args: /false/ }))!
    await errand.clock.advance('2s')
    insteadOnce(deps.store.groups, 'openJobs', (openJobs) => async (...given) => {
      const open = await openJobs(...given)
      expect(open.map(({ _id }) => _id)).toContain(member._id)
      await collections(errand).jobs.updateMany(
        { group: id },
        {
          $set: { state: 'succeeded', finishedAt: deps.clock.now(), expireAt: new Date('2031-01-01') },
          $unset: { groupOpen: '' },
        },
      )
      await deps.groups.closeIfOver(id)
      expect(await groupOf(errand, { _id: id })).toMatchObject({ state: 'closed' })
      await errand.post('/pauses', { worker: 'part' })
      await retryJob(deps, member._id)
      return open
    })
    await deps.groups.cancelRest(id)
    expect((await errand.get(member._id)).state).toBe('queued')
  })
})
