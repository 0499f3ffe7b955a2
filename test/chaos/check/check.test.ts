/** What the chaos run must never find is found where it is: each check by evidence that was made for it. */
import { describe, expect, it } from 'vitest'
import { occurrenceId } from '../../../server/ids.js'
import type { AttemptResultDocument, GroupDocument, JobDocument } from '../../../server/store/documents.js'
import type { LedgerRecord } from '../ledger/records.js'
import { args } from './args.js'
import { groupBy, type Evidence, type Run } from './evidence.js'
import { finalTwice, lost, twoReceipts } from './jobs.js'
import { keysHeldByTwo } from './keys.js'
import { limitsExceeded, ratesExceeded } from './limits.js'
import { occurrences } from './schedules.js'
import { atomicHalf, callbacksNotOnce } from './together.js'

const start = Date.parse('2030-01-01T00:00:00Z')
const after = (ms: number): Date => new Date(start + ms)

const job = (_id: string, more: Partial<JobDocument> = {}): JobDocument => ({
  _id,
  worker: 'plain',
  args: '{"n":1}',
  state: 'succeeded',
  priority: 0,
  runAt: after(0),
  createdAt: after(0),
  finishedAt: after(1_000),
  attempt: 1,
  maxAttempts: 5,
  ...more,
})

const receipt = (jobId: string, claim: string, more: Partial<AttemptResultDocument> = {}): AttemptResultDocument =>
  ({
    _id: `${jobId}:${claim}`,
    attempt: 1,
    status: 'success',
    result: `{"run":"${claim}"}`,
    by: 'function',
    startedAt: after(0),
    finishedAt: after(900),
    ...more,
  }) as AttemptResultDocument

const defaults = { v: 0, key: '', ms: 0, how: 'answer', times: 1, of: '' }

const run = (jobId: string, name: string, fromMs: number, toMs: number | undefined, more: Partial<Run> = {}): Run => ({
  run: name,
  host: 'host-1.1',
  job: jobId,
  worker: 'plain',
  attempt: 1,
  startedAt: start + fromMs,
  deadline: start + fromMs + 4_000,
  ...(toMs === undefined ? {} : { endedAt: start + toMs, how: 'returned' as const }),
  children: [],
  ...more,
  args: { n: 1, ...defaults, ...more.args },
})

interface Found {
  jobs?: JobDocument[]
  receipts?: AttemptResultDocument[]
  runs?: Run[]
  groups?: GroupDocument[]
  records?: LedgerRecord[]
  more?: Partial<Evidence>
}

const evidence = ({ jobs = [], receipts = [], runs = [], groups = [], records = [], more }: Found): Evidence => ({
  jobs: new Map(jobs.map((each) => [each._id, each])),
  receipts: groupBy(receipts, ({ _id }) => _id.split(':')[0]!),
  groups: new Map(groups.map((each) => [each._id, each])),
  schedules: new Map(),
  runs,
  runsOf: groupBy(runs, (each) => each.job),
  records,
  seenFinal: new Map(),
  settled: { unready: [], stuck: [], tookMs: 0 },
  occurrenceId,
  ...more,
})

describe('jobs', () => {
  it('finds one that was acknowledged and is not there', () => {
    const records: LedgerRecord[] = [{ kind: 'job', at: start, id: 'a', worker: 'plain', n: 1 }]
    expect(lost.check(evidence({ records })).broken).toEqual(['a is nowhere'])
    expect(lost.check(evidence({ records, jobs: [job('a')] })).broken).toEqual([])
  })

  it('finds an attempt with two receipts, and not one that was cancelled', () => {
    const receipts = [receipt('a', 'x'), receipt('a', 'y')]
    expect(twoReceipts.check(evidence({ jobs: [job('a')], receipts })).broken).toHaveLength(1)
    const cancelledAttempts = [{ claim: 'x', attempt: 1, startedAt: after(0) }]
    expect(twoReceipts.check(evidence({ jobs: [job('a', { cancelledAttempts })], receipts })).broken).toEqual([])
  })

  it('finds one that was seen final and is final otherwise', () => {
    const seenFinal = new Map([['a', { state: 'failed', finishedAt: start + 500, seenAt: start + 600 }]])
    const jobs = [job('a')]
    expect(finalTwice.check(evidence({ jobs, more: { seenFinal } })).broken).toHaveLength(1)
    const records: LedgerRecord[] = [{ kind: 'retried', at: start + 700, askedAt: start, id: 'a', outcome: 'acked' }]
    expect(finalTwice.check(evidence({ jobs, records, more: { seenFinal } })).broken).toEqual([])
  })
})

describe('args', () => {
  it('finds a job that ran others than it shows', () => {
    const jobs = [job('a', { args: '{"n":1,"v":2}' })]
    const old = run('a', 'x', 0, 900, { args: { v: 1 } })
    expect(args.check(evidence({ jobs, receipts: [receipt('a', 'x')], runs: [old] })).broken).toHaveLength(1)
    const current = run('a', 'x', 0, 900, { args: { v: 2 } })
    expect(args.check(evidence({ jobs, receipts: [receipt('a', 'x')], runs: [current] })).broken).toEqual([])
  })

  it('finds a replacement that was acknowledged and is not shown', () => {
    const replaced = (v: number, outcome: 'acked' | 'unknown'): LedgerRecord => ({
      kind: 'replaced',
      at: start,
      askedAt: start,
      worker: 'replaced',
      key: 'k',
      v,
      outcome,
      ...(outcome === 'acked' && { id: 'a' }),
    })
    const shown = (v: number) => ({
      jobs: [job('a', { args: JSON.stringify({ n: 1, v }) })],
      runs: [run('a', 'x', 0, 900, { args: { v } })],
    })
    expect(
      args.check(evidence({ ...shown(1), records: [replaced(1, 'acked'), replaced(2, 'acked')] })).broken,
    ).toHaveLength(1)
    expect(
      args.check(evidence({ ...shown(2), records: [replaced(1, 'acked'), replaced(2, 'unknown')] })).broken,
    ).toEqual([])
  })
})

describe('limits', () => {
  const limited = { worker: 'limited', args: { key: 'k' } }

  it('finds more runs at once than the limit', () => {
    const runs = [run('a', 'x', 0, 1_000, limited), run('b', 'y', 100, 900, limited), run('c', 'z', 200, 300, limited)]
    expect(limitsExceeded.check(evidence({ runs })).broken).toHaveLength(1)
    expect(limitsExceeded.check(evidence({ runs: runs.slice(1) })).broken).toEqual([])
  })

  it('counts a run that does not answer until its deadline and five seconds, or the end of its process', () => {
    const silent = (name: string) => run(name, name, 0, undefined, limited)
    const late = (ms: number) => run('c', 'z', ms, ms + 10, limited)
    expect(limitsExceeded.check(evidence({ runs: [silent('a'), silent('b'), late(8_900)] })).broken).toHaveLength(1)
    expect(limitsExceeded.check(evidence({ runs: [silent('a'), silent('b'), late(9_100)] })).broken).toEqual([])
    const dead = { ...silent('b'), diedAt: start + 500 }
    expect(limitsExceeded.check(evidence({ runs: [silent('a'), dead, late(600)] })).broken).toEqual([])
  })

  it('does not count a run that works on after its runtime answered that it is late', () => {
    const answered = (name: string) =>
      run(name, name, 0, 9_000, { ...limited, stopped: { at: start + 4_000, code: 'TIMEOUT' } })
    const next = run('c', 'z', 4_500, 4_600, limited)
    expect(limitsExceeded.check(evidence({ runs: [answered('a'), answered('b'), next] })).broken).toEqual([])
  })

  it('finds more starts than a rate allows', () => {
    const paced = { worker: 'paced', args: { key: 'k' } }
    const ids = Array.from({ length: 20 }, (_, index) => `j${index}`)
    const at = (everyMs: number) => ({
      jobs: ids.map((id) => job(id, { worker: 'paced' })),
      receipts: ids.map((id, index) => receipt(id, id, { startedAt: after(index * everyMs) })),
      runs: ids.map((id, index) => run(id, id, index * everyMs + 5, index * everyMs + 10, paced)),
    })
    expect(ratesExceeded.check(evidence(at(200))).broken).toEqual([])
    expect(ratesExceeded.check(evidence(at(20))).broken).toHaveLength(1)
  })
})

describe('keys, atomic requests and groups', () => {
  it('find two jobs that held one key at once', () => {
    const once = { worker: 'once', key: 'k' }
    const jobs = [job('a', { ...once, finishedAt: after(5_000) }), job('b', { ...once, finishedAt: after(9_000) })]
    const overlapping = [run('a', 'x', 100, 4_900), run('b', 'y', 2_000, 8_900)]
    expect(keysHeldByTwo.check(evidence({ jobs, runs: overlapping })).broken).toHaveLength(1)
    const following = [run('a', 'x', 100, 4_900), run('b', 'y', 6_000, 8_900)]
    expect(keysHeldByTwo.check(evidence({ jobs, runs: following })).broken).toEqual([])
  })

  it('find half a request, also where nobody was told of it', () => {
    const record = (outcome: 'acked' | 'unknown'): LedgerRecord => ({
      kind: 'atomic',
      at: start,
      of: 'b',
      size: 2,
      outcome,
      ids: [],
    })
    const jobs = [job('a', { worker: 'quick', args: '{"n":1,"of":"b"}' })]
    expect(atomicHalf.check(evidence({ jobs, records: [record('acked')] })).broken).toHaveLength(1)
    expect(atomicHalf.check(evidence({ jobs, records: [record('unknown')] })).broken).toHaveLength(1)
    expect(atomicHalf.check(evidence({ records: [record('unknown')] })).broken).toEqual([])
  })

  it('find a callback that is missing, that came twice, or too early', () => {
    const groups: GroupDocument[] = [
      {
        _id: 'g',
        root: 'g',
        policy: 'continue',
        total: 1,
        then: { worker: 'summary', args: '{}' },
        state: 'closed',
        createdAt: after(0),
      },
    ]
    const callback = (id: string) => job(id, { worker: 'summary', callbackOf: 'g' })
    const member = job('m', { worker: 'member', group: 'g', finishedAt: after(1_000) })
    const found = (jobs: JobDocument[], runs: Run[]) => callbacksNotOnce.check(evidence({ groups, jobs, runs })).broken
    expect(found([member, callback('f')], [run('f', 'x', 1_100, 1_200)])).toEqual([])
    expect(found([member], [])).toEqual(['group g has no callback'])
    expect(found([member, callback('f'), callback('e')], [run('f', 'x', 1_100, 1_200)])).toHaveLength(1)
    const slow = job('m', { worker: 'member', group: 'g', finishedAt: after(9_000) })
    expect(found([slow, callback('f')], [run('f', 'x', 1_100, 1_200)])).toHaveLength(1)
  })
})

describe('schedules', () => {
  it('find an occurrence without a job, and a job without an occurrence', () => {
    const schedule = {
      _id: 'made',
      worker: 'plain',
      args: '{}',
      source: 'api',
      createdAt: after(0),
      revision: 1,
      nextRunAt: null,
      lastRunAt: null,
    } as const
    const schedules = new Map([['made', schedule]])
    const records: LedgerRecord[] = [
      { kind: 'schedule', at: start + 20_100, askedAt: start + 20_000, id: 'made', outcome: 'acked', paused: true },
    ]
    const made = [5_000, 10_000, 15_000].map((ms) => job(occurrenceId('made', after(ms)), { scheduleId: 'made' }))
    const found = (jobs: JobDocument[]) =>
      occurrences
        .check(evidence({ jobs, records, more: { schedules } }))
        .broken.filter((text) => text.startsWith('made'))
    expect(found(made)).toEqual([])
    expect(found(made.slice(1))).toEqual(['made has no job for 2030-01-01T00:00:05.000Z'])
    expect(found([...made, job('other', { scheduleId: 'made' })])).toHaveLength(1)
  })
})
