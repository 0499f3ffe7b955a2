/**
 * Decides where a job goes when its attempt has a receipt. Pure: the same receipt gives the same state on every
 * coordinator (only the jitter of the wait may differ, and the first guarded write wins).
 */
import { backoffMs, defaultBackoff } from '../../core/job/backoff.js'
import type { Contract } from '../../core/job/contract.js'
import type {
  AttemptResultDocument,
  ClaimedJob,
  JobDocument,
  ReceiptDocument,
  SnoozeDocument,
} from '../store/documents.js'
import { keptForId } from './givenId.js'
import type { Member, Transition } from '../store/jobs/attempt.js'

/** For jobs whose worker was removed while they ran. */
const keepUnknownMs = { succeeded: 86_400_000, failed: 30 * 86_400_000, cancelled: 7 * 86_400_000 }

/** Progress and log are in the receipt now. */
const attemptUnset = ['throttled', 'overBudget', 'runProgress'] as const
const keyToo = ['uniqueKey', ...attemptUnset] as const

export function decide(
  job: ClaimedJob,
  receipt: AttemptResultDocument,
  contract: Contract | undefined,
  now: Date,
  random: () => number,
): Transition {
  if (receipt.status === 'snoozed') return snoozed(job, receipt)
  if (receipt.status === 'requeued') return requeued(job)
  const keepMs = contract?.keepMs ?? keepUnknownMs
  const final = (state: 'succeeded' | 'failed'): Transition => ({
    ...leaving(job),
    set: state === 'failed' ? { state, errorCode: errorCodeOf(receipt) } : { state },
    unset: finalUnset(job, state, now),
    // a job that holds its key, or whose id must be known, is kept for that long
    keepMs: Math.max(keepMs[state], (job.uniqueUntil?.getTime() ?? 0) - now.getTime(), keptForId(job, now)),
    ...(job.group === undefined ? {} : { member: memberOf(job, job.group) }),
  })
  if (receipt.status === 'success') return final('succeeded')
  if (receipt.fatal || job.attempt >= job.maxAttempts) return final('failed')

  const error = receipt.error ?? { name: 'Error', message: '' }
  const waitMs = receipt.retryAfterMs ?? backoffMs(contract?.backoff ?? defaultBackoff, job.attempt, error, random)
  return {
    ...leaving(job),
    set: { state: waitMs === 0 ? 'queued' : 'scheduled', runAt: new Date(now.getTime() + waitMs) },
    unset: [...attemptUnset, ...heldUntilStart(job)],
  }
}

/** It has started; its coordinator may have died before it set the key free. */
const heldUntilStart = ({ uniqueUntilStart }: ClaimedJob): 'uniqueKey'[] => (uniqueUntilStart ? ['uniqueKey'] : [])

export const memberOf = ({ groupPolicy }: Pick<JobDocument, 'groupPolicy'>, group: string): Member => ({
  group,
  policy: groupPolicy ?? 'continue',
})

function finalUnset(job: ClaimedJob, state: 'succeeded' | 'failed', now: Date): readonly (keyof JobDocument)[] {
  const unset = job.uniqueUntil && job.uniqueUntil > now ? attemptUnset : keyToo
  if (job.groupOpen === undefined) return unset
  // a group that waits does so until its member was tried again, or cancelled
  return job.groupPolicy === 'wait' && state === 'failed' ? unset : [...unset, 'groupOpen']
}

/** The code by which a filter finds a failed job. */
const errorCodeOf = ({ error }: ReceiptDocument): string => error?.code ?? error?.name ?? 'Error'

const leaving = (job: ClaimedJob): Pick<Transition, 'id' | 'claim'> => ({ id: job._id, claim: job.claim })

/** An attempt that never began: the job is claimable again and no attempt is charged. */
export const uncalled = (job: ClaimedJob): Transition => ({ ...requeued(job), unledgered: true })

/** The same by the ledger, of an attempt that a shutdown broke off. */
export const requeued = (job: ClaimedJob): Transition => ({
  ...leaving(job),
  set: { state: 'queued' },
  unset: [],
  attemptChange: -1,
})

/** One that snoozes for no time would be called as often as it can be, for ever, because a snooze is not charged. */
const leastSnoozeMs = 1_000

/** The job asked to be run again later. Its progress and log so far stay with it, because the attempt goes on then. */
function snoozed(job: ClaimedJob, { delayMs, finishedAt, progress, log }: SnoozeDocument): Transition {
  const { attempt, claim } = job
  return {
    ...leaving(job),
    set: {
      state: 'scheduled',
      runAt: new Date(finishedAt.getTime() + Math.max(delayMs, leastSnoozeMs)),
      runProgress: { attempt, claim, ...(progress && { progress }), ...(log && { log }) },
    },
    unset: ['throttled', 'overBudget', ...heldUntilStart(job)],
    attemptChange: -1,
    snoozed: true,
  }
}

/** The throttle, or the retry budget, sent the job away until `runAt`. */
export const deferred = (job: ClaimedJob, runAt: Date, by: 'throttled' | 'overBudget'): Transition => ({
  ...leaving(job),
  set: { state: 'scheduled', runAt, [by]: true },
  unset: by === 'throttled' ? ['overBudget'] : [],
  attemptChange: -1,
  unledgered: true,
})
