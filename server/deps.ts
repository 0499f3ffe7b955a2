/**
 * The dependencies of every step of a job's life: interfaces alone, which the rooms implement, so that no room is
 * imported here. Built once by `createCoordinator`; a test builds its own.
 */
import type { ParsedAttemptResult } from '../core/requests/attemptResult.js'
import type { Clock } from '../core/time/clock.js'
import type { Contract } from '../core/job/contract.js'
import type { Role } from '../core/roles.js'
import type { FinalState } from '../core/states.js'
import type { Events } from './events.js'
import type { Log } from './log.js'
import type { Presence } from './presence.js'
import type {
  AttemptResultDocument,
  BreakerDocument,
  ClaimedJob,
  JobDocument,
  PauseDocument,
  ReceiptDocument,
} from './store/documents.js'
import type { Store } from './store/index.js'
import type { InsertOutcome } from './store/jobs/insert.js'
import type { Member, Transition } from './store/jobs/attempt.js'
import type { PausableJob } from './store/jobs/claim.js'
import type { SlotRun } from './store/slots.js'

export interface Deps {
  store: Store
  /** Those of the deployment that is live, or the coordinator's own. */
  contracts: Contracts
  liveDeployment: LiveDeployment
  /** Before contracts of others are loaded here. */
  tryContracts: ContractTrial
  clock: Clock
  /** In [0, 1). Spreads retries and polls. */
  random: () => number
  newId: () => string
  /** A fresh claim token. */
  newClaim: () => string
  events: Events
  signer: Signer
  invoke: Invoke
  log: Log
  /** The API keys in the database. */
  keyRing: KeyRing
  metrics: Metrics
  /** Bounds what has come in and is not written yet. */
  intake: Intake
  /** Of those who wait. */
  places: Places
  pauses: KnownPauses
  circuitBreakers: CircuitBreakers
  hearing: Hearing
  scheduleWatch: ScheduleWatch
  /** How long this coordinator may work. */
  activation: ActivationState
  presence: Presence
  /** Aborts when this coordinator may wait for its database no longer, because it stops. */
  halted: AbortSignal
  /** Attempts that run on this coordinator, and how many may. */
  lanes: () => { running: number; limit: number }
  /** The most that the args of one job may take, with superjson's meta, however many come in one request. Bytes. */
  maxJobBytes: number
  /** Whether an attempt is this coordinator's, and its function has not been called yet. */
  waitsForLane: (attempt: { id: string; claim: string }) => boolean
  /** The coordinator's address as functions see it, without a slash at the end. */
  url: string
  writes: Writes
  groups: GroupClosing
}

/** The writes that are gathered; see server/gatherWrites. */
export interface Writes {
  /**
   * Inserts a job, and starts it at once where it can. `bulk` for one of many, which single jobs do not wait for.
   * Default: `single`.
   */
  insertJob: (job: JobDocument, lane?: WriteLane) => Promise<EnterOutcome>
  /**
   * Puts a receipt into the ledger and, where it is the first of its attempt, moves the job. Answers whether it was.
   */
  settle: (settlement: { receipt: AttemptResultDocument; transition: Transition }) => Promise<boolean>
  applyTransition: (transition: Transition) => Promise<void>
  /** Takes out the entry of a run that has ended, and lets the next job of its slot key be claimed. */
  freeSlot: (run: SlotRun) => Promise<void>
}

/**
 * The lane in which a job waits to be written. Jobs that were asked for one by one and those that came in bulk are
 * written apart, each one write at a time: so a single job waits for no bulk, neither for one that waits nor for a
 * write of a thousand jobs that is under way; and bulk goes on, however many singles come.
 */
export type WriteLane = 'single' | 'bulk'

export type EnterOutcome = InsertOutcome | 'started'

export interface Hearing {
  /** Listens from now on, until it is stopped. */
  begin(): void
  stop(): void
  /** Whether an attempt is in time: before its deadline, or in what it has more because no coordinator listened. */
  isInTime(job: ClaimedJob, contract: Contract | undefined): boolean
}

export interface ScheduleWatch {
  /** It looks, or works, at that moment. Answers since when it has, without a gap: at the latest that moment. */
  sinceWhen(now: Date): Date
}

/** The pauses of one moment. */
export interface Pauses {
  /** Whether everything is paused. */
  readonly all: boolean
  readonly none: boolean
  has(id: string): boolean
  /** The open circuit breakers. */
  readonly broken: readonly BreakerDocument[]
  breaker(worker: string): BreakerDocument | undefined
  /** The widest pause that covers a job, or the open breaker of its function. */
  covering(job: PausableJob): PauseDocument | undefined
}

export interface KnownPauses {
  /** At most `staleMs` old. */
  current(): Promise<Pauses>
  /** Read now. */
  fresh(): Promise<Pauses>
  /** Whether anything was paused at the last look. Makes no query. */
  readonly any: boolean
  /** The open circuit breaker of a worker, as far as it is known. Makes no query. */
  breaker(worker: string): BreakerDocument | undefined
}

export interface CircuitBreakers {
  /** Whether the function is to be left alone: jobs that were claimed a moment ago are not called. */
  isOpen(jobs: readonly ClaimedJob[]): boolean
  /**
   * Records what the answer to a call says of the function. Answers with what is to be written of its jobs:
   * `notAttempted` for those that were on their way when the breaker was open, so that no attempt is charged; a probe
   * is, because a job that ends its function's process would else be tried for ever.
   */
  recordAnswers(jobs: readonly ClaimedJob[], answers: Answer[]): Verdict
  /** Lets one job of each worker start whose time is over. Answers with the next such moment. */
  probe(): Promise<Date | undefined>
  /** Closes all that are open: other functions have taken the place of those that failed, and have answered. */
  closeAll(): Promise<void>
}

export interface Verdict {
  answers: Answer[]
  /** The breaker is being written; there is no hurry, and it never rejects. */
  turning?: Promise<void>
}

export interface GroupClosing {
  /** A member is final, and its group may be over. Never rejects: what goes wrong here is found by the sweep. */
  memberFinal(member: Member, state: FinalState): Promise<void>
  /** Cancels all that still keeps the group open; then its callback runs. */
  cancelRest(id: string): Promise<void>
  /** Closes the group if nothing keeps it open. */
  closeIfOver(id: string): Promise<void>
}

export interface Contracts {
  /** Sorted. */
  readonly names: readonly string[]
  has(worker: string): boolean
  /** Throws `UNKNOWN_WORKER`, with the nearest name, where there is none. */
  get(worker: string): Promise<Contract>
  /** The contract if it was loaded before; the hot path uses this. */
  loaded(worker: string): Contract | undefined
  /** Workers whose contract holds a schedule. */
  readonly scheduled: readonly string[]
}

/**
 * Resolves where the contracts can be loaded. Throws `BAD_REQUEST` where they cannot, and `UNAVAILABLE` where no thread
 * can be made here.
 */
export type ContractTrial = (text: string) => Promise<void>

export interface LiveDeployment {
  /** Those of the live deployment, and, of workers that it no longer has, those that jobs are pinned to. */
  readonly contracts: Contracts
  /** Where an attempt of the job is called; `undefined` where no address is known. */
  addressOf(job: Pick<JobDocument, 'worker' | 'deployment' | 'pinned'>): string | undefined
  /** The number of the live one; `undefined` where none is. */
  readonly live: number | undefined
  /** False for a coordinator that is given its contracts otherwise, such as that of `errand dev`. */
  readonly follows: boolean
  /** Of the user's own invokers. */
  readonly schemes: readonly string[]
  /** Whether jobs can be pinned to it, as far as is known here. */
  knows(deployment: number): boolean
  /** Looks now which is live, and takes it up. Rejects where that fails; what was in effect stays so. */
  look(): Promise<void>
  /** The same, unless there was a look within the last `withinMs`, by default a second. Never rejects. */
  lookAgain(withinMs?: number): Promise<void>
  /**
   * The same at a start, where what follows from it is done in any case. Rejects only where the database does not
   * answer.
   */
  begin(): Promise<void>
}

export interface Call {
  /** Whose function is called. */
  worker: string
  /** Its address, as the setting says it; the scheme decides who calls. */
  url: string
  headers: Record<string, string>
  body: string
  /**
   * Aborts the call at the attempt's deadline, and when the coordinator breaks it off. Made when it is first looked at.
   */
  readonly signal: AbortSignal
  /** The same without a signal, for the hot path. Calls the listener at once where the call was broken off before. */
  onAbort(listener: () => void): void
}

export type Answer =
  /**
   * A receipt, or a snooze in its place. `size` is about what it takes in memory until it is written, in bytes, where
   * that is much.
   */
  | { kind: 'receipt'; receipt: ParsedAttemptResult; size?: number }
  /** One for each job of a call that carried several, in their order. */
  | { kind: 'receipts'; receipts: ParsedAttemptResult[]; size?: number }
  /** The function will post its receipt. */
  | { kind: 'accepted' }
  /** `signal` aborted before the answer was read. */
  | { kind: 'aborted' }
  /** The deadline had passed before the call could be made. */
  | { kind: 'late' }
  /** It failed while the circuit breaker was open: the job goes back, and no attempt is charged. */
  | { kind: 'notAttempted' }
  /** `mayRun`: the call was sent, and it is not known whether the function works on it. */
  | { kind: 'failed'; code: string; message: string; retryAfterMs?: number; mayRun?: true }

export type Invoke = (call: Call) => Promise<Answer>

export interface Signer {
  /**
   * Standard Webhooks headers for a body that goes to the function of a worker. The first key signs, and so does the
   * key that is made from it for this function alone: a function has the one or the other.
   */
  headers(worker: string, id: string, now: Date, body: string): Record<string, string>
  /** The token in an attempt's receipt address: names the claim and proves that we gave it out. */
  receiptToken(jobId: string, claim: string): string
  /** The claim that a token names, or `undefined` where no known key made it for this job. */
  readReceiptToken(jobId: string, token: string): string | undefined
}

/** The limits of a key beside its role. */
export interface KeyLimits {
  role: Role
  /** Of an `enqueue` key: the workers it may enqueue, by name or as `folder.*`. Default: all. */
  workers?: readonly string[]
  /** Of an `observe` key: whether args, results and what is made of them are shown. Default: no. */
  args?: boolean
}

export interface StoredKey extends KeyLimits {
  name: string
  digest: Buffer
  lastUsedAt: Date | undefined
}

export interface KeyRing {
  keys(): Promise<readonly StoredKey[]>
  /** The keys have changed. */
  forget(): void
  /** Notes that a key was shown now. */
  used(name: string): void
  /** Writes down when keys were last used. */
  writeUses(): Promise<void>
}

/** The amount that has come in and is not written yet. */
export interface Load {
  requests: number
  jobs: number
  /** Of their bodies. */
  bytes: number
}

/**
 * Receipts that functions post take turns at being read. They are not refused for what waits to be written, because
 * they end attempts and let others begin; but a thousand of them at once are not held in memory either. Where enough
 * are being read and written, the next one waits with its body unread, in the order in which they came: on its
 * connection, which costs next to nothing.
 */
export interface ReadingTurns {
  /**
   * A receipt of so many bytes. Its turn ends when what it answers with is disposed. Rejects where its caller goes away
   * before it has a turn.
   */
  begin(bytes: number, caller: { readonly signal: AbortSignal }): Promise<Disposable>
  /** How many wait for their turn. */
  readonly waiting: number
}

/** Of one request: `using place = intake.enter(lane, bytes)`. */
export interface Place extends Disposable {
  /** Of a body in chunks: so many bytes are here by now. Throws `OVERLOADED`. */
  grow(bytes: number): void
  /** How many jobs it brings, now that the body was read. Throws `OVERLOADED`. */
  count(jobs: number): void
}

export interface Intake {
  /** `bytes` of the body, where they are known. Throws `OVERLOADED`. */
  enter(lane: WriteLane, bytes?: number): Place
  waiting(lane: WriteLane): Load
  /** Requests that were refused, since it was made. */
  refused(lane: WriteLane): number
  /** Before a body with many jobs is parsed: of those that are here at once, one is in one turn of the event loop. */
  turn(): Promise<void>
  /** Receipts that functions post. */
  readonly receipts: ReadingTurns
}

export interface Places {
  /**
   * A place for one who waits for so many ids, until what it answers with is called. Throws `TOO_MANY_REQUESTS` where
   * the key has as many as it may, and `OVERLOADED` where all have.
   */
  take(who: string, ids: number): () => void
  /** Throws where there is not even a place for one id; for callers that would learn of it too late. */
  look(who: string): void
}

export interface Metrics {
  attempt(worker: string, receipt: ReceiptDocument): void
  snoozed(worker: string): void
  enqueued(worker: string): void
  /** The text of `/metrics`. */
  text(): Promise<string>
  readonly contentType: string
}

export interface ActivationState {
  /** Whether jobs may be claimed, and called, now. */
  readonly mayStart: boolean
  /** When all that runs is left to itself; undefined where it never is. */
  readonly until: Date | undefined
}
