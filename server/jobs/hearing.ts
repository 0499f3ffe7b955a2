/**
 * Hearing: since when functions could make themselves heard here, without a gap.
 *
 * An attempt is over when its function has been silent until the deadline. Whoever was not there to listen cannot say that: the coordinator was started a moment
 * ago, its process or machine was asleep, or its database was away. So an attempt that tells of itself (it posts its receipt, or has sent a heartbeat)
 * has one timeout more, from when somebody listens again, before it is reaped. An answer to a call is not heard by another coordinator in any case, so
 * those attempts are reaped at their deadline.
 */
import type { Clock } from '../../core/time/clock.js'
import type { Contract } from '../../core/job/contract.js'
import { waitForLaneMs } from './claim.js'
import type { ClaimedJob } from '../store/documents.js'
import type { Hearing } from '../deps.js'

/** The reaper looks every five seconds, and nothing that works waits for the database for longer than this. */
const longestSilenceMs = 20_000

/** `always`: the platform listens and starts a coordinator for what comes, so there are no gaps. */
export function createHearing(clock: Clock, { always }: { always: boolean }): Hearing {
  let sinceMs = Number.NEGATIVE_INFINITY
  let lookedAtMs: number | undefined
  const nowMs = () => clock.now().getTime()
  const noteGap = () => {
    if (lookedAtMs !== undefined && nowMs() - lookedAtMs > longestSilenceMs) sinceMs = nowMs()
  }
  return {
    begin() {
      if (always) return
      sinceMs = nowMs()
      lookedAtMs = sinceMs
    },
    look() {
      noteGap()
      if (lookedAtMs !== undefined) lookedAtMs = nowMs()
    },
    isInTime(job, contract) {
      noteGap()
      const now = nowMs()
      if (job.deadline.getTime() > now) return true
      return contract !== undefined && tellsOfItself(job, contract) && now < sinceMs + contract.timeoutMs
    },
  }
}

function tellsOfItself({ startedAt, deadline }: ClaimedJob, { receipt, timeoutMs, maxRuntimeMs }: Contract): boolean {
  const allowedMs = deadline.getTime() - startedAt.getTime()
  // no heartbeat could have moved it further
  if (allowedMs >= maxRuntimeMs) return false
  return receipt === 'posted' || allowedMs > timeoutMs + waitForLaneMs
}
