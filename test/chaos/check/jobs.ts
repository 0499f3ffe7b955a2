/** Jobs: none lost, none final twice, no attempt with two receipts. */
import { isFinal } from '../../../core/states.js'
import type { JobDocument, ReceiptDocument } from '../../../server/store/documents.js'
import type { LedgerRecord } from '../ledger/records.js'
import { groupBy, type Evidence } from './evidence.js'
import { clockSlackMs, type Zero } from './zero.js'

/** The receipts of a job that count: no snoozes, no runs that were given back, none of attempts that were cancelled. */
export function receiptsOf({ receipts }: Evidence, { _id, cancelledAttempts = [] }: JobDocument): ReceiptDocument[] {
  const cancelled = new Set(cancelledAttempts.map(({ claim }) => `${_id}:${claim}`))
  return (receipts.get(_id) ?? []).filter(
    (receipt): receipt is ReceiptDocument =>
      (receipt.status === 'success' || receipt.status === 'failure') && !cancelled.has(receipt._id),
  )
}

/** Jobs that an operator gave new attempts, or may have. */
export const retriedOf = ({ records }: Evidence): Set<string> =>
  new Set(records.flatMap((record) => (record.kind === 'retried' && record.outcome !== 'refused' ? [record.id] : [])))

export const lost: Zero = {
  name: 'acknowledged and lost',
  counted:
    'Every id that a caller or a function was given (jobs, atomic requests, groups, replays, child jobs) is in the database at the end, and what was acknowledged as cancelled is.',
  check(evidence) {
    const { jobs, groups, records, runs } = evidence
    const acknowledged = [
      ...records.flatMap(idsIn),
      ...runs.flatMap(({ children }) => children.map(({ child }) => child)),
    ]
    const distinct = [...new Set(acknowledged)]
    return {
      of: distinct.length,
      broken: [
        ...distinct.filter((id) => !jobs.has(id) && !groups.has(id)).map((id) => `${id} is nowhere`),
        ...cancelsLost(evidence),
      ],
    }
  },
}

function idsIn(record: LedgerRecord): string[] {
  const { kind } = record
  if (kind === 'job' || kind === 'keyed') return [record.id]
  if (kind === 'atomic') return record.ids
  if (kind === 'group') return record.id === undefined ? [] : [record.id]
  const made = kind === 'replayed' ? record.newId : kind === 'scheduleRun' ? record.jobId : undefined
  return made === undefined ? [] : [made]
}

function cancelsLost(evidence: Evidence): string[] {
  const retried = retriedOf(evidence)
  return evidence.records.flatMap((record) => {
    if (record.kind === 'groupCancelled' && record.outcome === 'acked') {
      return evidence.groups.get(record.id)?.cancelled ? [] : [`group ${record.id} was cancelled, and is not`]
    }
    if (record.kind !== 'cancelled' || record.outcome !== 'acked' || retried.has(record.id)) return []
    const state = evidence.jobs.get(record.id)?.state
    return state === 'cancelled' ? [] : [`job ${record.id} was cancelled, and is ${state}`]
  })
}

export const twoReceipts: Zero = {
  name: 'attempts with two receipts',
  counted:
    'No two receipts of a job bear the same attempt’s number, but for those of attempts that an operator cancelled.',
  check(evidence) {
    let of = 0
    const broken = [...evidence.jobs.values()].flatMap((job) => {
      const byAttempt = groupBy(receiptsOf(evidence, job), ({ attempt }) => String(attempt))
      of += byAttempt.size
      return [...byAttempt].flatMap(([attempt, receipts]) =>
        receipts.length > 1
          ? [
              `job ${job._id} of ${job.worker}, attempt ${attempt}: ${receipts.map(({ status, by, error }) => `${status} by the ${by}${error ? ` (${error.code ?? error.name})` : ''}`).join(', ')}`,
            ]
          : [],
      )
    })
    return { of, broken }
  },
}

export const finalTwice: Zero = {
  name: 'final twice',
  counted:
    'A job that was seen final, by a look into the database every five seconds or by whoever waited for its receipt, is in that state at the end; it has one success at most, and no receipt that is later than its end. Jobs that an operator retried are left out.',
  check(evidence) {
    const retried = retriedOf(evidence)
    const jobs = [...evidence.jobs.values()].filter(({ _id, state }) => isFinal(state) && !retried.has(_id))
    return {
      of: jobs.length,
      broken: [...jobs.flatMap((job) => problemsOf(evidence, job)), ...toldOtherwise(evidence, retried)],
    }
  },
}

function problemsOf(evidence: Evidence, job: JobDocument): string[] {
  const what = `job ${job._id} of ${job.worker}`
  const seen = evidence.seenFinal.get(job._id)
  const finishedAt = job.finishedAt?.getTime() ?? 0
  const problems: string[] = []
  if (seen && (seen.state !== job.state || seen.finishedAt !== finishedAt) && !mayChange(evidence, job, seen.state)) {
    problems.push(`${what} was ${seen.state} and is ${job.state}`)
  }
  const receipts = receiptsOf(evidence, job)
  const successes = receipts.filter(({ status }) => status === 'success').length
  if (successes > 1) problems.push(`${what} has ${successes} successes`)
  const late = receipts.find((receipt) => receipt.finishedAt.getTime() > finishedAt + clockSlackMs)
  if (late) problems.push(`${what} has a receipt of attempt ${late.attempt} that is later than its end`)
  return problems
}

/** One that failed can be cancelled while its group waits for it. */
const mayChange = ({ groups }: Evidence, { state, group, groupPolicy }: JobDocument, from: string): boolean =>
  from === 'failed' && state === 'cancelled' && (groupPolicy === 'wait' || groups.get(group ?? '')?.cancelled === true)

function toldOtherwise({ records, jobs }: Evidence, retried: ReadonlySet<string>): string[] {
  return records.flatMap((record) => {
    if (record.kind !== 'told' || retried.has(record.id)) return []
    const job = jobs.get(record.id)
    return job && job.state === record.state
      ? []
      : [`job ${record.id} was told as ${record.state} and is ${job?.state}`]
  })
}
