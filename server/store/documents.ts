/** The documents in the database. Dates are database time. */
import type { TargetName } from '../../core/targets.js'
import type { AuditTarget } from '../../core/requests/audit.js'
import type { GroupPolicy, GroupProblem } from '../../core/views/groupTypes.js'
import type { Role } from '../../core/roles.js'
import type { ScheduleRule } from '../../core/time/scheduleRule.js'
import type { AttemptLog } from '../../core/job/attemptLog.js'
import type { FinalState, JobState } from '../../core/states.js'
import type { ReceiptError } from '../../core/requests/wire.js'

export interface JobDocument {
  /** A UUID of version 7: ids grow with time. */
  _id: string
  worker: string
  /** JSON text, written once and forwarded as it is. */
  args: string
  /** superjson's meta as JSON text. */
  argsMeta?: string
  /** Of the contract that took the args; absent for version 1. */
  argsVersion?: number
  state: JobState
  priority: number
  /** Paths into the args that are not shown, beside those of its worker: what it was given of others' results. */
  redact?: string[]
  /** Not before this moment; moved by a retry and by the throttle. */
  runAt: Date
  createdAt: Date
  /** How many attempts have begun. */
  attempt: number
  maxAttempts: number
  /**
   * Raised by every write that puts it among the jobs that wait, or changes it there; absent where there was none. See
   * store/revision.
   */
  revision?: number
  /** How often the job snoozed. */
  snoozes?: number
  /** The key as its caller gave it. */
  key?: string
  /** Worker and key, while the job owns the key; a unique index stands on it. */
  uniqueKey?: string
  /** The job owns the key until then, in any state. */
  uniqueUntil?: Date
  /** The job owns the key until the first attempt starts. */
  uniqueUntilStart?: boolean
  /** Made of the args by the worker's `throttle.key`. */
  throttleKey?: string
  /** Worker and what its `concurrency.key` made of the args: jobs that share slots. */
  slotKey?: string
  /** The id that the job would have had which gave this one its args: of the last `replace` or `debounce`. */
  replacedBy?: string
  /** Set once the throttle has sent the job away: next time it stands before newcomers. */
  throttled?: boolean
  /** Set once the retry budget has sent the job away: next time it stands before other retries. */
  overBudget?: true
  /**
   * Why a queued job may not be claimed: no deployed worker has its name, a pause covers it, or the atomic request it
   * came with is still being written.
   */
  held?: HeldBy | null
  /**
   * The id of the atomic request it came with, while that is being written; until it is released the job may yet be
   * deleted again.
   */
  atomicRequest?: string
  scheduleId?: string
  /** The job that enqueued this one while it ran. */
  parent?: string
  /** The worker and the name of the call that did; a unique index stands on parent and call. */
  call?: string
  /** The job that it was made from by a replay. */
  replayOf?: string
  /** Its caller gave an id, by which it must be found for a while; see server/jobs/givenId. */
  givenId?: true
  /** Its schedule waits for its end, to make the next one. */
  followed?: true
  /** The group it is a member of, for ever. */
  group?: string
  /**
   * The same while it keeps the group open; taken out by the write that makes it final. Under `wait` a failed member
   * keeps it.
   */
  groupOpen?: string
  /** The effect of its failure on the group; absent for `continue`. */
  groupPolicy?: Exclude<GroupPolicy, 'continue'>
  /** The group whose callback it is. */
  callbackOf?: string
  /** The deployment it was enqueued with; absent where none was live. */
  deployment?: number
  /** It runs on the function of that one, as long as that lives. */
  pinned?: true

  /** Only while running: the fence. Every write on the attempt names it. */
  claim?: string
  startedAt?: Date
  deadline?: Date
  /** The claim of a run that a reaper has taken hold of, to write the receipt that is missing. */
  reaping?: string

  /** Progress and log so far of the attempt that runs, or ran last. It goes into the attempt's receipt. */
  runProgress?: RunProgress

  /** Only when final. */
  finishedAt?: Date
  expireAt?: Date

  /** Only when failed: the code of the error, or its name. */
  errorCode?: string

  /** Only when final: args, keys and receipts were deleted; see server/operations/erase. */
  erased?: true

  /**
   * Attempts that an operator cancelled, newest last: a receipt under such a claim came too late to change anything.
   */
  cancelledAttempts?: CancelledAttempt[]
}

/** With a pause goes its id, so that its end finds the jobs it held. */
export type HeldBy = 'worker' | 'atomic' | `paused:${string}`

export interface CancelledAttempt {
  claim: string
  attempt: number
  startedAt: Date
}

/** A job that is ours until its deadline. */
export type ClaimedJob = JobDocument & { claim: string; startedAt: Date; deadline: Date }

/** Progress and log of an attempt, beside its receipt; see server/jobs/attemptProgress. */
export interface AttemptProgress {
  progress?: { fraction: number; note?: string; at: Date }
  log?: AttemptLog
}

export interface RunProgress extends AttemptProgress {
  attempt: number
  /** The run that told it. */
  claim: string
  /** Lines of earlier runs of the same attempt. */
  earlierLog?: AttemptLog
}

export interface ReceiptDocument extends AttemptProgress {
  /** Job and claim: the first receipt of an attempt wins, and a repeat is known as a repeat. */
  _id: string
  attempt: number
  status: 'success' | 'failure'
  /** JSON text. */
  result?: string
  resultMeta?: string
  error?: ReceiptError
  retryAfterMs?: number
  fatal?: boolean
  /** `coordinator` where no function spoke: the deadline passed, or the call failed. */
  by: 'function' | 'coordinator'
  startedAt: Date
  finishedAt: Date
}

/**
 * Stands in the ledger in a receipt's place where a run of an attempt snoozed, so that nothing else can decide that
 * run. It is no receipt and never shown, and goes when a run ends that is later by a minute.
 */
export interface SnoozeDocument extends AttemptProgress {
  _id: string
  attempt: number
  status: 'snoozed'
  delayMs: number
  by: 'function'
  startedAt: Date
  finishedAt: Date
}

/** The same for a run that a shutdown broke off: the job was given back, and a receipt of this run comes too late. */
interface ReleaseDocument {
  _id: string
  attempt: number
  status: 'requeued'
  by: 'coordinator'
  startedAt: Date
  finishedAt: Date
}

/** The entry in the ledger that an attempt ended by. */
export type AttemptResultDocument = ReceiptDocument | SnoozeDocument | ReleaseDocument

export const receiptId = (jobId: string, claim: string): string => `${jobId}:${claim}`
export const jobOfReceipt = ({ _id }: Pick<ReceiptDocument, '_id'>): string => _id.slice(0, _id.indexOf(':'))
/** Characters of what may be large in it. */
export const resultLength = ({ result = '', resultMeta = '' }: ReceiptDocument): number =>
  result.length + resultMeta.length

/** The rule as it was written: what was left out is absent, and has its default. */
export interface ScheduleDocument extends ScheduleRule {
  _id: string
  worker: string
  args: string
  argsMeta?: string
  /** Of the contract that took the args; absent for version 1. */
  argsVersion?: number
  /** Of the jobs it makes, where it is not their worker's. */
  priority?: number
  source: 'code' | 'api'
  /** The occurrences of `every` are counted from here. */
  createdAt: Date
  /** Counts the changes of what stands above, and pauses; a write that follows from an older rule matches nothing. */
  revision: number
  /** Only while it is paused; then `nextRunAt` is null. */
  pausedAt?: Date
  /** Null while it is paused, and where the rule has no more occurrences. */
  nextRunAt: Date | null
  /** The last occurrence that made a job. */
  lastRunAt: Date | null
  /**
   * With `overlap: 'queue'`: occurrences whose job waits for the end of another, the oldest first. Absent where there
   * is none.
   */
  waiting?: Date[]
}

/** The runs that use the slots of a concurrency key; see server/flowControl/slots. */
export interface SlotsDocument {
  /** A job's `slotKey`. */
  _id: string
  users: SlotUser[]
  /** Some time after the last `until`. */
  expireAt: Date
}

/** One run of a job. */
export interface SlotUser {
  job: string
  claim: string
  since: Date
  /** It counts until then, unless its function answers before. */
  until: Date
}

/** See server/store/origins. */
export interface OriginDocument {
  /** As the caller gave it. */
  _id: string
  /** The job's id. */
  job: string
  expireAt: Date
}

export interface ThrottleDocument {
  /** Worker and throttle key. */
  _id: string
  /** Milliseconds of database time; see core/job/throttle. */
  tat: number
  line: number
  /** Changes with every write, so that a write based on an old read matches nothing. */
  version: string
  expireAt: Date
}

export interface PauseDocument {
  /** `all`, `worker:<name>`, `breaker:<worker>`, or `key:<worker>` and the key behind a line break. */
  _id: string
  worker?: string
  key?: string
  /** The name of the actor who paused it. */
  by: string
  at: Date
  reason?: string
  /** Of one that a circuit breaker made; see server/flowControl/circuitBreakers. */
  broken?: Broken
}

export interface Broken {
  /** Nothing is called before; then a probe starts, and it has until the next such moment to get through. */
  until: Date
  /** How often it opened, one after the other. */
  times: number
  /** Of the failure that opened it last. */
  code: string
  /** The job that may start although it is open. */
  probe?: string
}

export type BreakerDocument = PauseDocument & { worker: string; broken: Broken }

export interface AuditDocument {
  /** Grows with time. */
  _id: string
  at: Date
  by: { name: string; role: Role }
  action: string
  target: AuditTarget
  outcome: string
}

export interface GroupDocument {
  _id: string
  /** The group that it is nested in, and the outermost one, which may be itself. */
  parent?: string
  root: string
  policy: GroupPolicy
  /** Its members; a nested group counts as one. */
  total: number
  then?: CallbackDocument
  state: 'open' | 'closed'
  /** Set when it is cancelled as a whole; then it closes without a callback. */
  cancelled?: true
  /** It is over, and this is why its callback cannot be made. */
  problem?: GroupProblem
  /** The callback's id, once it is made. */
  thenJob?: string
  /** Of a group without a callback, when it is closed. */
  outcome?: FinalState
  createdAt: Date
  closedAt?: Date
  /** Only of a closed outermost group: it goes then, with all that are nested in it. */
  expireAt?: Date
  /** While it is being written; see server/jobs/atomic.ts. */
  atomicRequest?: string
}

export interface CallbackDocument {
  worker: string
  /** JSON text. It goes when the group is closed. */
  args: string
  argsMeta?: string
  argsVersion?: number
  priority?: number
}

/** Jobs that come all or none; see server/jobs/atomic.ts. */
export interface AtomicRequestDocument {
  _id: string
  state: 'writing' | 'committed' | 'undone'
  /** In this state since then. */
  since: Date
}

export interface DeploymentDocument {
  /** 1 for the first; each one is higher than all before it. */
  _id: number
  at: Date
  by: string
  /** Where the functions are; see server/functions/functionAddresses. */
  functions: string
  /** Sorted by name. */
  workers: DeployedWorker[]
  /** codegen's contracts.mjs; absent once it is retired. */
  contracts?: string
  targets?: TargetName[]
  note?: string
  retiredAt?: Date
}

export interface DeployedWorker {
  name: string
  hash: string
  build?: string
  /** Whether its contract holds a schedule. */
  scheduled?: true
  pinned?: true
}

/** The one document that says by which deployment coordinators work. */
export interface LiveDocument {
  _id: 'live'
  /** Null where it is by what they have themselves. */
  deployment: number | null
  /** Those that were live before, the latest last: a roll back takes one off its end. */
  before: number[]
  /**
   * Counts the switches, and what else coordinators have to look at anew; a write that follows from an older one
   * matches nothing.
   */
  revision: number
  at: Date
  by: string
  /** Of the write that made it so, for its coordinator to know it again. */
  token?: string
}

/** Whose the collections are; see server/store/layout. */
export interface MetaDocument {
  _id: 'layout'
  version: number
  /** Absent as long as only coordinators have started that did not know theirs. */
  project?: string
  environment: 'production' | 'preview'
  createdAt: Date
}

export interface ApiKeyDocument {
  /** The key's name. */
  _id: string
  role: Role
  workers?: string[]
  args?: boolean
  /** SHA-256 of the key, in hex. */
  hash: string
  createdAt: Date
  createdBy: string
  lastUsedAt?: Date
  /** It is about to be revoked; see server/access/apiKeys. */
  leaving?: boolean
}
