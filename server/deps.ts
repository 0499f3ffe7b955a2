/** What every step of a job's life is given. Built once in createCoordinator; a test builds its own. */
import type { Awake } from './running/awake.js'
import type { Clock } from '../core/clock.js'
import type { Breakers } from './flowControl/breakers.js'
import type { Contracts } from './deployments/contracts.js'
import type { ContractTrial } from './deployments/contractTrial.js'
import type { Deployed } from './deployments/deployed.js'
import type { Events } from './events.js'
import type { GroupEnds } from './groups/ends.js'
import type { Hearing } from './jobs/hearing.js'
import type { Intake } from './api/intake.js'
import type { Invoke } from './functions/invoke.js'
import type { KeyRing } from './access/keyRing.js'
import type { Log } from './log.js'
import type { Metrics } from './api/metrics.js'
import type { KnownPauses } from './flowControl/pauses.js'
import type { Presence } from './presence.js'
import type { ScheduleWatch } from './schedules/scheduleWatch.js'
import type { Signer } from './functions/signer.js'
import type { AttemptEndDocument, JobDocument } from './store/documents.js'
import type { Store } from './store/index.js'
import type { EnterOutcome } from './jobs/startAtOnce.js'
import type { Transition } from './store/jobs.js'
import type { Places } from './api/places.js'
import type { SlotRun } from './store/slots.js'
import type { WriteLane } from './jobs/writeLane.js'

export interface Deps {
  store: Store
  /** Those of the deployment that is live, or the coordinator's own. */
  contracts: Contracts
  deployed: Deployed
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
  keys: KeyRing
  metrics: Metrics
  /** What has come in and is not written yet. */
  intake: Intake
  /** Of those who wait. */
  places: Places
  pauses: KnownPauses
  breakers: Breakers
  hearing: Hearing
  scheduleWatch: ScheduleWatch
  /** How long this coordinator may work. */
  awake: Awake
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
  groups: GroupEnds
}

/** The writes that are gathered; see server/gatherWrites. */
export interface Writes {
  /** Inserts a job, and starts it at once where it can. `bulk` for one of many, which single jobs do not wait for. Default: `single`. */
  insertJob: (job: JobDocument, lane?: WriteLane) => Promise<EnterOutcome>
  /** Puts a receipt into the ledger and, where it is the first of its attempt, moves the job. Answers whether it was. */
  settle: (settlement: { receipt: AttemptEndDocument; transition: Transition }) => Promise<boolean>
  applyTransition: (transition: Transition) => Promise<void>
  /** Takes out the entry of a run that has ended, and lets the next job of its slot key be claimed. */
  freeSlot: (run: SlotRun) => Promise<void>
}
