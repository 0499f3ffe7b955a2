/**
 * Hearing: since when functions could make themselves heard here, without a gap.
 *
 * An attempt is over when its function has been silent until the deadline. A coordinator that was not there to listen
 * cannot say that: it was started a moment ago, its process or machine was asleep, or its database was away. So an
 * attempt that tells of itself (it posts its receipt, or has sent a heartbeat) has one timeout more, from when a
 * coordinator listens again, before it is reaped. An answer to a call is not heard by another coordinator in any case,
 * so those attempts are reaped at their deadline.
 */
import type { Clock } from '../../core/time/clock.js'
import type { Contract } from '../../core/job/contract.js'
import type { Events } from '../events.js'
import { waitForLaneMs } from './claim.js'
import type { ClaimedJob } from '../store/documents.js'
import type { Hearing } from '../deps.js'

/** A process that is not halted comes to a timer this often, however busy it is. */
const beatEveryMs = 1_000
const lateMs = 2_000

export interface HearingDeps {
  clock: Clock
  events: Events
  /** Whether the database is away, as far as it is known: then no heartbeat can be taken. */
  isAway: () => boolean
  /** The platform listens and starts a coordinator for what comes, so there are no gaps. */
  always: boolean
}

export function createHearing({ clock, events, isAway, always }: HearingDeps): Hearing {
  let sinceMs = Number.NEGATIVE_INFINITY
  let beatAtMs: number | undefined
  let cancelBeat = () => {}
  let stopListening = () => {}
  const nowMs = () => clock.now().getTime()
  const noteGap = () => {
    const now = nowMs()
    if (beatAtMs === undefined || now - beatAtMs <= beatEveryMs + lateMs) return
    sinceMs = now
    beatAtMs = now
  }
  const beat = () => {
    noteGap()
    beatAtMs = nowMs()
    cancelBeat = clock.alarm(beatEveryMs, beat)
  }
  const stop = () => {
    cancelBeat()
    stopListening()
  }
  return {
    begin() {
      if (always) return
      stop()
      sinceMs = nowMs()
      beatAtMs = sinceMs
      stopListening = events.on('databaseBack', () => (sinceMs = nowMs()))
      beat()
    },
    isInTime(job, contract) {
      noteGap()
      const now = nowMs()
      if (job.deadline.getTime() > now) return true
      if (contract === undefined || !tellsOfItself(job, contract)) return false
      return now < sinceMs + contract.timeoutMs || (!always && isAway())
    },
    stop,
  }
}

function tellsOfItself({ startedAt, deadline }: ClaimedJob, { receipt, timeoutMs, maxRuntimeMs }: Contract): boolean {
  const allowedMs = deadline.getTime() - startedAt.getTime()
  // no heartbeat could have moved it further
  if (allowedMs >= maxRuntimeMs) return false
  return receipt === 'posted' || allowedMs > timeoutMs + waitForLaneMs
}
