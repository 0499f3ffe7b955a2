/** What the bench knows of a queue: how to open it on an empty store, and what a workload may then ask of it. */
import type { Handled } from '../harness/counter.js'
import type { Load } from '../harness/producer.js'
import type { Span } from '../harness/time.js'
import type { Bench } from '../harness/bench.js'

/** Settings that a figure was measured with, as they stand in the tables. */
export type Settings = Record<string, string | number | boolean>

export interface SystemFacts {
  /** Name and version of all that takes part: `bullmq 6.7.0`. */
  versions: string[]
  /** What an acknowledged job survives. */
  durability: string
  /** How the handler is reached, with `http` and without. */
  call: { drain: string; http: string }
  processes: string
}

export interface System {
  name: string
  /** Slow ones are given fewer jobs, so that a run takes minutes and not an hour. */
  pace: 'fast' | 'slow'
  /** Asked for once all is installed. */
  facts: () => SystemFacts
  /** At most so many single enqueues in a session. */
  maxSingle?: number
  /** Workloads that it has no answer to, with the reason. */
  lacks?: Partial<Record<string, string>>
  /** Installs what is missing: packages, a database server. Called once, before anything is measured. */
  prepare?: () => Promise<void>
  /** On an empty store, with no worker. */
  open: (bench: Bench, purpose: Purpose) => Promise<Session>
}

/** What a session is opened for. A system may choose other settings for a drain than for the shortest wait. */
export type Purpose = 'enqueue' | 'drain' | 'http' | 'steady' | 'latency' | 'others' | 'idle'

export interface WorkOptions {
  /** Errand only. Default 1. */
  coordinators?: number
}

export interface Session extends AsyncDisposable {
  settings: Settings
  bulk: (count: number, load?: Load) => Promise<Span>
  single: (count: number, callers: number) => Promise<Span>
  one: (i: number) => Promise<Span>
  /** Begins to run jobs; with the purpose `http` each handler makes an HTTP call. */
  start: (options?: WorkOptions) => Promise<Working>
  /** No job is left that should run now. */
  isDrained: () => Promise<boolean>
  /** Puts so many others beside the jobs that are measured. */
  addOthers?: (kind: OthersKind, count: number) => Promise<void>
  /** Throws unless so many jobs are final, with so many receipts. */
  verify?: (expected: Expected) => Promise<void>
  /** Processes by what they do; those that only enqueue are left out. */
  pids: () => Record<string, number[]>
  /** Processes that only enqueue. */
  enqueuers: () => Record<string, number[]>
  /** Operations that the database has done so far. */
  operations?: () => Promise<number>
}

export type OthersKind = 'waiting' | 'scheduled' | 'finished'

export interface Expected {
  worker: string
  succeeded: number
  /** In all. Default: not looked at. */
  receipts?: number
}

export interface Working {
  /** The moment of the call that began it. */
  startedAt: number
  /** The moment at which it had begun to look for jobs. */
  readyAt: number
  /** Answers when handlers have ended so many times. */
  handled: (count: number) => Promise<Handled>
  startOf: (i: number) => Promise<number>
  /** Forgets what was handled. */
  clear: () => Promise<void>
  stop: () => Promise<void>
}
