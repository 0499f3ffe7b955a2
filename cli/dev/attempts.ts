/** Tells of each attempt as it ends. */
import type { Coordinator } from '../../server/index.js'
import type { ReceiptError } from '../../core/wire.js'

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

/** The metrics hear of every attempt already, once its receipt is in the ledger and its job has moved. */
export function onAttempt({ deps }: Coordinator, listener: (attempt: EndedAttempt) => void): void {
  const { metrics } = deps
  deps.metrics = {
    ...metrics,
    attempt(worker, receipt) {
      metrics.attempt(worker, receipt)
      const { _id, attempt, status, error, startedAt, finishedAt } = receipt
      listener({
        id: _id.slice(0, _id.indexOf(':')),
        worker,
        attempt,
        status,
        ...(error === undefined ? {} : { error }),
        startedAt: startedAt.toISOString(),
        finishedAt: finishedAt.toISOString(),
      })
    },
  }
}
