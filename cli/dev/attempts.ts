/** Tells of each attempt as it ends. */
import type { Coordinator } from '../../server/index.js'
import type { ReceiptError } from '../../core/requests/wire.js'

export interface EndedAttempt {
  id: string
  worker: string
  /** Counts from 1. */
  attempt: number
  status: 'success' | 'failure'
  error?: ReceiptError
  startedAt: string
  finishedAt: string
}

export function onAttempt({ deps }: Coordinator, listener: (attempt: EndedAttempt) => void): void {
  deps.events.on('attempted', ({ job, receipt: { attempt, status, error, startedAt, finishedAt } }) =>
    listener({
      id: job._id,
      worker: job.worker,
      attempt,
      status,
      ...(error === undefined ? {} : { error }),
      startedAt: startedAt.toISOString(),
      finishedAt: finishedAt.toISOString(),
    }),
  )
}
