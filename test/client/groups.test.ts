import { longestWaitMs } from '../../core/limits.js'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { maxTogetherSize } from '../../client/enqueue.js'
import { GroupTimeoutError, type GroupSummary } from '../../client/index.js'
import { defineJob, groupSummary } from '../../core/index.js'
import { groupMembersLimit } from '../../core/requests/groups.js'
import { testErrand, type TestErrand } from '../support/errand.js'
import { clientOf, observedClock, refused } from './support.js'
import { workers as others, type MailSendArgs, type MailSendResult, type TickArgs } from './workers.js'

interface Jobs {
  'mail.send': { args: MailSendArgs; result: MailSendResult }
  tick: { args: TickArgs; result: number }
  'report.merge': { args: { month?: Date | undefined; group: GroupSummary }; result: ReportMergeResult }
  'report.whale': { args: { group: GroupSummary }; result: never }
}
interface ReportMergeResult {
  month: Date | undefined
  ended: string[]
}

const workers = {
  ...others,
  'report.merge': defineJob({
    args: z.object({ month: z.date().optional(), group: groupSummary() }),
    run: ({ month, group }) => ({ month, ended: group.members.map(({ worker, state }) => `${worker} ${state}`) }),
  }),
  'report.whale': defineJob({
    args: z.object({ group: groupSummary() }),
    retry: { attempts: 1 },
    run: () => Promise.reject(new Error('too much')),
  }),
}

const mail = (to: string) => ({ worker: 'mail.send', args: { to } }) as const
const later = { worker: 'tick', delay: '1h' } as const
const clientFor = (errand: TestErrand, options = {}) => clientOf<Jobs>(errand, options)

describe('group', () => {
  it('sends all in one request, and waits for the result of its callback', async () => {
    await using errand = await testErrand(workers)
    const { client, sent } = clientFor(errand)
    const group = await client.group([mail('ada@example.org'), { worker: 'tick' }], {
      then: { worker: 'report.merge', args: { month: new Date(0) } },
    })
    expect(group.total).toBe(2)
    expect(sent.map(({ procedure }) => procedure)).toEqual(['group'])
    expect(await group.result()).toEqual({ month: new Date(0), ended: ['mail.send succeeded', 'tick succeeded'] })
    expect(await group.receipt()).toMatchObject({ status: 'success', attempt: 1 })
    expect(await group.end()).toMatchObject({ id: group.id, state: 'closed', closedAt: expect.any(Date) })
    const details = await client.groups.get(group.id)
    expect(details).toMatchObject({ state: 'closed', total: 2, counts: { succeeded: 2 }, createdAt: expect.any(Date) })
    expect(await client.jobs.get(details.then!.jobId!)).toMatchObject({ callbackOfGroupId: group.id })
  })

  it('takes nested groups, args with Dates among them', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientFor(errand)
    const group = await client.group(
      [
        { group: [mail('ada@example.org')], then: { worker: 'report.merge', args: { month: new Date(7) } } },
        { group: [{ worker: 'tick' }], policy: 'wait' },
      ],
      { then: 'report.merge' },
    )
    expect((await group.result()).ended).toEqual(['report.merge succeeded', 'undefined succeeded'])
    const { jobs } = await group.jobs()
    expect(jobs).toMatchObject([{ worker: 'report.merge', groupId: group.id, args: { month: new Date(7) } }])
  })

  it('of 10,000 jobs travels in one request', async () => {
    await using errand = await testErrand(workers)
    const { client, sent } = clientFor(errand)
    const text = 'x'.repeat(600) // more than several requests of enqueueMany take
    const jobs = Array.from({ length: 10_000 }, (_, n) => ({ ...mail(`${n}`), args: { to: `${n}`, subject: text } }))
    const group = await client.group(
      jobs.map((job) => ({ ...job, delay: '1h' as const })),
      { then: 'report.merge' },
    )
    expect(sent).toHaveLength(1)
    expect(await client.groups.get(group.id)).toMatchObject({
      total: 10_000,
      open: 10_000,
      counts: { scheduled: 10_000 },
    })
  })

  it('sends nothing where it does not fit into one request, or an item cannot be sent', async () => {
    await using errand = await testErrand(workers)
    const { client, sent } = clientFor(errand)
    const many = Array.from({ length: groupMembersLimit }, () => ({ worker: 'tick' }) as const)
    await expect(client.group([...many, { group: [] }])).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
    const half = mail('x'.repeat(maxTogetherSize / 2))
    await expect(client.group([half, { group: [half] }])).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
    const unsendable = { worker: 'tick', runAt: new Date(Number.NaN) } as const
    await expect(client.group([{ worker: 'tick' }, { group: [unsendable] }])).rejects.toMatchObject({
      code: 'ATOMIC_REFUSED',
      issues: [{ path: ['jobs', 1, 'group', 0] }],
    })
    expect(sent).toEqual([])
  })

  it('tells which items are refused', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientFor(errand)
    // @ts-expect-error `to` is missing
    await expect(client.group([{ worker: 'mail.send', args: {} }])).rejects.toMatchObject({
      code: 'ATOMIC_REFUSED',
      issues: [{ path: ['jobs', 0, 'args', 'to'] }],
    })
    // @ts-expect-error a mail takes no summary
    await expect(client.group([{ worker: 'tick' }], { then: 'mail.send' })).rejects.toMatchObject({
      code: 'ATOMIC_REFUSED',
    })
  })
})

describe('a group', () => {
  it('is cancelled, and has no receipt but that', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientFor(errand)
    const group = await client.group([later], { then: 'report.merge' })
    expect(await group.cancel()).toMatchObject({ id: group.id, state: 'cancelled' })
    expect(await group.receipt()).toEqual({ status: 'cancelled', finishedAt: errand.clock.now() })
    await expect(group.result()).rejects.toMatchObject({ code: 'JOB_CANCELLED' })
    expect(await client.groups.of(group.id).end()).toMatchObject({ state: 'cancelled' })
    await expect(client.groups.get('nobody')).rejects.toMatchObject({ code: 'UNKNOWN_GROUP' })
  })

  it('without a callback has an end, and no receipt', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientFor(errand)
    const group = await client.group([{ worker: 'tick' }])
    expect(await group.end()).toMatchObject({ state: 'closed' })
    await expect(group.receipt()).rejects.toMatchObject({ code: 'WRONG_STATE' })
    await expect(group.retry()).rejects.toMatchObject({ code: 'WRONG_STATE' })
  })

  it('tells how its callback failed', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientFor(errand)
    const group = await client.group([{ worker: 'tick' }], { then: 'report.whale' })
    expect(await group.receipt()).toMatchObject({ status: 'failure', error: { message: 'too much' } })
    const { then } = await group.get()
    await expect(group.result()).rejects.toMatchObject({ code: 'JOB_FAILED', jobId: then!.jobId })
  })

  it('that is stuck says so to those who wait', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientFor(errand)
    const group = await client.group([{ worker: 'tick' }], { then: 'report.merge' })
    const { contracts } = errand.coordinator.deps
    const contract = await contracts.get('report.merge')
    contract.args = z.object({ group: z.object({ total: z.number().min(2) }) })
    await expect(group.end()).rejects.toMatchObject({
      code: 'GROUP_STUCK',
      issues: [{ path: ['group', 'total'] }],
    })
    contract.args = workers['report.merge'].args
    expect(await group.retry()).toMatchObject({ state: 'closed' })
    expect((await group.result()).ended).toEqual(['tick succeeded'])
  })
})

describe('a wait for a group', () => {
  it('is over with its time, and the group goes on', async () => {
    const clock = observedClock()
    await using errand = await testErrand(workers, { clock })
    const { client } = clientFor(errand)
    const group = await client.group([later], { then: 'report.merge' })
    const polled = clock.slept(10_000)
    const waiting = group.result({ timeout: '10s' }).catch((error: unknown) => error)
    await polled
    await clock.advance('10s')
    const error = await waiting
    expect(error).toBeInstanceOf(GroupTimeoutError)
    expect(error).toMatchObject({ code: 'GROUP_TIMEOUT', groupId: group.id })
    expect((await group.get()).state).toBe('open')
  })

  it('asks again after each long poll, and finds what another coordinator closed', async () => {
    const clock = observedClock()
    await using errand = await testErrand(workers, { clock })
    await using second = await testErrand(workers, { beside: errand })
    const { client, sent } = clientFor(errand)
    const group = await client.group([{ worker: 'tick', delay: '1m' }], { then: 'report.merge' })
    const polled = clock.slept(longestWaitMs)
    const ended = group.end()
    await polled
    const polledAgain = clock.slept(longestWaitMs)
    await clock.advance('25s')
    await polledAgain
    await clock.advance('35s')
    await second.run()
    await errand.quiet() // the look that found nothing is over
    await clock.advance('1s') // the first one looks what others have closed
    expect(await ended).toMatchObject({ state: 'closed' })
    expect(sent.filter(({ procedure }) => procedure === 'groups.wait').length).toBeGreaterThanOrEqual(2)
  })

  it('outlasts a coordinator that cannot be reached', async () => {
    const clock = observedClock()
    await using errand = await testErrand(workers, { clock })
    let down = true
    const { client } = clientFor(errand, {
      before: ({ procedure }: { procedure: string }) => {
        if (down && procedure === 'groups.wait') throw refused()
      },
    })
    const group = await client.group([{ worker: 'tick' }], { then: 'report.merge' })
    const paused = clock.slept(250)
    const result = group.result()
    await paused
    down = false
    await clock.advance('250ms')
    expect((await result).ended).toEqual(['tick succeeded'])
  })

  it('ends with its signal', async () => {
    await using errand = await testErrand(workers)
    const { client } = clientFor(errand)
    const group = await client.group([later])
    const waiting = new AbortController()
    const ended = group.end({ signal: waiting.signal })
    waiting.abort(new Error('enough'))
    await expect(ended).rejects.toThrow('enough')
  })
})
