import type { WriteLane, Load } from '../deps.js'

/** Where there is room no more. */
export type Bounds = Pick<Load, 'jobs' | 'bytes'>

/**
 * Each job that waits takes about 2 kB of memory and as much again as its bytes (measured): full, that is some 70 MB,
 * and what is not collected yet.
 */
export const defaultBounds: Bounds = { jobs: 20_000, bytes: 24_000_000 }

export const noLoad: Load = { requests: 0, jobs: 0, bytes: 0 }

/** Of each four, one is for single jobs. */
export const shareOf = ({ jobs, bytes }: Bounds, lane: WriteLane): Bounds => {
  const share = lane === 'single' ? 1 / 4 : 3 / 4
  return { jobs: jobs * share, bytes: bytes * share }
}

export const hasRoom = (waiting: Load, bounds: Bounds): boolean =>
  waiting.jobs < bounds.jobs && waiting.bytes < bounds.bytes

export const plus = (load: Load, more: Load): Load => ({
  requests: load.requests + more.requests,
  jobs: load.jobs + more.jobs,
  bytes: load.bytes + more.bytes,
})

export const minus = (load: Load, less: Load): Load => ({
  requests: load.requests - less.requests,
  jobs: load.jobs - less.jobs,
  bytes: load.bytes - less.bytes,
})

/** A body of many jobs is taken to hold one for each so many bytes, until it was read. */
const assumedJobBytes = 1024

/** The load of a request, as far as it is known before its body. `bytes` is undefined where it comes in chunks. */
export const assumedLoad = (lane: WriteLane, bytes = 0): Load => ({
  requests: 1,
  jobs: lane === 'single' ? 1 : Math.max(1, Math.ceil(bytes / assumedJobBytes)),
  bytes,
})

/** A body with many jobs in it that is no larger is as quick as a single one. */
const smallBytes = 16 * 1024

export const isSmall = (bytes: number): boolean => bytes <= smallBytes

/** Of a request that may bring many jobs, before it is known how many. */
export const laneOfBody = (bytes: number | undefined): WriteLane =>
  bytes !== undefined && isSmall(bytes) ? 'single' : 'bulk'

const leastRetryAfter = 1
const mostRetryAfter = 30

/**
 * When to ask again, in seconds: about as long as the oldest of what waits has waited, because that is how long writing
 * takes now.
 */
export const retryAfter = (oldestMs: number): number =>
  Math.min(mostRetryAfter, Math.max(leastRetryAfter, Math.ceil(oldestMs / 1_000)))
