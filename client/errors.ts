/** Errors that a wait for a receipt may throw besides `ErrandError`. */
import type { JobState } from '../core/states.js'
import type { ReceiptError, Receipt } from './jobTypes.js'

/**
 * The time was over before the job was final. Nothing has happened to the job: it goes on, and may be waited for again.
 */
export class ReceiptTimeoutError extends Error {
  readonly code = 'RECEIPT_TIMEOUT'
  readonly jobId: string
  /** As the coordinator last said; absent where it never answered. */
  readonly state: JobState | undefined

  constructor(jobId: string, timeout: string, state: JobState | undefined, cause?: unknown) {
    const known = state === undefined ? 'Its state is not known' : `It was ${state} when last seen`
    const silent = cause === undefined ? '' : ', and the coordinator gave no answer at the end'
    super(
      `Job ${jobId} had not ended after ${timeout}${silent}. ${known}; the job goes on. Wait longer with \`timeout\`, or ask again later with \`job('${jobId}')\`.`,
      cause === undefined ? undefined : { cause },
    )
    this.name = 'ReceiptTimeoutError'
    this.jobId = jobId
    this.state = state
  }
}

/**
 * The time was over before all members of the group were final, or before its callback was. The group goes on, and may
 * be waited for again.
 */
export class GroupTimeoutError extends Error {
  readonly code = 'GROUP_TIMEOUT'
  readonly groupId: string

  constructor(groupId: string, timeout: string, cause?: unknown) {
    const silent = cause === undefined ? '' : ', and the coordinator gave no answer at the end'
    super(
      `Group ${groupId} was not over after ${timeout}${silent}. It goes on. Wait longer with \`timeout\`, or ask again later with \`groups.of('${groupId}')\`.`,
      cause === undefined ? undefined : { cause },
    )
    this.name = 'GroupTimeoutError'
    this.groupId = groupId
  }
}

/** Thrown by `job.result()`: the job has no result and will have none. */
export class JobFailedError extends Error {
  readonly code: 'JOB_FAILED' | 'JOB_CANCELLED'
  readonly jobId: string
  /** The error of the last attempt; absent where the job was cancelled. */
  readonly error: ReceiptError | undefined
  /** The last attempt; absent where the job was cancelled. */
  readonly attempt: number | undefined

  constructor(jobId: string, receipt: Exclude<Receipt<never>, { status: 'success' }>) {
    super(
      receipt.status === 'cancelled'
        ? `Job ${jobId} was cancelled.`
        : `Job ${jobId} failed at attempt ${receipt.attempt}: ${receipt.error.name}: ${receipt.error.message}`,
    )
    this.name = 'JobFailedError'
    this.jobId = jobId
    this.code = receipt.status === 'cancelled' ? 'JOB_CANCELLED' : 'JOB_FAILED'
    this.error = receipt.status === 'cancelled' ? undefined : receipt.error
    this.attempt = receipt.status === 'cancelled' ? undefined : receipt.attempt
  }
}
