/**
 * Plans how many jobs to claim, and how many calls to begin: numbers in, numbers out.
 *
 * A coordinator calls so many functions at once as it has lanes. While others wait, it claims a moment ahead, so that a
 * lane which falls free finds a job that is ours already. It claims ahead as many as the lanes can start within that
 * moment, by the pace of each worker: a lane has `aheadMs` to give, minus what its call is likely to take still, and
 * each job that waits takes of it what jobs of its worker take. A worker of which nothing is known counts as slow, and
 * a call that outlasts its worker's pace is expected to go on for as long as it has gone on. So quick jobs are claimed
 * by the hundred, and slow ones as lanes fall free.
 *
 * Which workers' jobs a claim will bring is not known before; it is taken from what came lately. Jobs that do not fit
 * after all are given back at once.
 */

/** How far ahead jobs are claimed. */
const aheadMs = 200
/** About how long a claim takes. With more to claim, one may wait until it brings many. */
const claimMs = 50

/** How long jobs of a worker take of a lane, in milliseconds; `undefined` where none has ended yet. */
export type PaceOf = (worker: string) => number | undefined

export interface LaneCounts {
  /** How many calls may run at once, and how many jobs may start at once. */
  limit: number
  /** The calls that run: their worker, how many jobs they carry, and for how long they have run. */
  calls: readonly { worker: string; jobs: number; forMs: number }[]
  /** Lanes that are kept for jobs that are being inserted. */
  reserved: number
  /** The workers of the jobs that are ours and wait for a lane, in their order. */
  ready: readonly string[]
  /** The workers of the last jobs that were claimed, or came in. */
  lately: readonly string[]
  /** Whether more jobs wait to be claimed, as far as is known. */
  backlog: boolean
  /** The most jobs that one claim takes, and that wait for a lane. */
  maxClaim: number
}

export interface LanePlan {
  /** Jobs to claim now; 0 where it is not worth it yet. */
  claim: number
  /** How many of them would start at once. */
  free: number
  /** The time that the lanes have to give within the next moment to jobs that are claimed now, in milliseconds. */
  spareMs: number
}

export function planLanes(counts: LaneCounts, paceOf: PaceOf): LanePlan {
  const { limit, calls, reserved, ready, maxClaim } = counts
  const running = calls.reduce((sum, { jobs }) => sum + jobs, 0)
  const unused = Math.max(0, limit - running - reserved)
  const capacityMs = calls.reduce((sum, call) => sum + Math.max(0, aheadMs - leftMs(call, paceOf)), unused * aheadMs)
  const spareMs = capacityMs - ready.reduce((sum, worker) => sum + costMs(worker, paceOf), 0)
  const meanMs = Math.max(0.1, meanCostMs(counts.lately, paceOf))
  const free = Math.max(0, unused - ready.length)
  const room = limit + maxClaim - running - reserved - ready.length
  const most = Math.min(maxClaim, Math.max(free, Math.min(Math.floor(spareMs / meanMs), room)))
  return { claim: most >= worthwhile(counts, capacityMs / meanMs) ? most : 0, free, spareMs }
}

/**
 * With a backlog a claim may wait until it brings many: as many as will start while it travels, half of all room at the
 * most.
 */
function worthwhile({ backlog, limit, maxClaim }: LaneCounts, startsAhead: number): number {
  if (!backlog) return 1
  const starts = Math.min((startsAhead * claimMs) / aheadMs, maxClaim)
  return Math.max(1, Math.min(starts, Math.min(startsAhead, limit + maxClaim) / 2))
}

/** Of jobs that were claimed, in their order, how many can start within the next moment. */
export function fitting(workers: readonly string[], { free, spareMs }: LanePlan, paceOf: PaceOf): number {
  let leftMs = spareMs
  for (const [index, worker] of workers.entries()) {
    if (index >= free && leftMs <= 0) return index
    leftMs -= costMs(worker, paceOf)
  }
  return workers.length
}

const meanCostMs = (workers: readonly string[], paceOf: PaceOf): number =>
  workers.length === 0 ? aheadMs : workers.reduce((sum, worker) => sum + costMs(worker, paceOf), 0) / workers.length

const costMs = (worker: string, paceOf: PaceOf): number => Math.min(aheadMs, paceOf(worker) ?? aheadMs)

function leftMs({ worker, jobs, forMs }: LaneCounts['calls'][number], paceOf: PaceOf): number {
  const pace = paceOf(worker)
  if (pace === undefined) return aheadMs
  const expected = pace * jobs
  return forMs < expected ? expected - forMs : forMs
}
