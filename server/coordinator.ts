/** The coordinator: stores jobs, decides when they run, calls functions and takes receipts. Everything it needs comes in by argument. */
import { randomUUID } from 'node:crypto'
import type { Db } from 'mongodb'
import { createApp } from './app.js'
import type { ApiKey } from './apiKeys.js'
import { createGuard } from './auth.js'
import { systemClock, type Clock } from '../core/clock.js'
import { databaseClock, type DatabaseClock } from './clock.js'
import type { Contracts } from './contracts.js'
import type { Deps, Writes } from './deps.js'
import { createDispatcher, type Dispatcher } from './dispatcher.js'
import { createEvents } from './events.js'
import { readFunctionAddresses } from './functionAddresses.js'
import { gatherWrites } from './gatherWrites.js'
import { createGroupEnds } from './groups/ends.js'
import { createGroupWaits } from './groups/wait.js'
import { createIds } from './ids.js'
import { createHttpInvoker, type Invoke } from './invoke.js'
import { createKeyRing } from './keyRing.js'
import { silentLog, type Log } from './log.js'
import { releaseHeld, startLoops, type Loops } from './loops.js'
import { createMetrics } from './metrics.js'
import { createKnownPauses } from './pauses.js'
import { reconcileSchedules } from './schedule.js'
import { slotsFreed } from './slots.js'
import { createSigner } from './signer.js'
import { insertOrStart, type EnterOutcome } from './startAtOnce.js'
import type { JobDocument } from './store/documents.js'
import { createStore, type Store } from './store/index.js'
import type { Transition } from './store/jobs.js'
import { createWaits } from './wait.js'

export interface CoordinatorOptions {
  db: Db
  contracts: Contracts
  /** The coordinator's address as functions see it, for receipts. */
  url: string
  /** Where the functions are: one address for all, one with `{worker}` in it, or `worker=address` pairs; see server/functionAddresses. */
  functionsUrl: string
  /** `whsec_…` keys; the first one signs, all verify. */
  signingKeys: readonly string[]
  /** Beside those in the database. Where there is none at all everything is open, unless `keysRequired`. Default: none. */
  apiKeys?: readonly ApiKey[]
  /** Whether nobody may call while there is no key. For coordinators that others than this machine can reach. Default: false. */
  keysRequired?: boolean
  /** How many attempts may run at once on this coordinator. Default 100. */
  concurrency?: number
  /** The largest body of `POST /job`, in bytes. Default 1 MiB. */
  maxBodyBytes?: number
  log?: Log
  /** Default: the machine's, set to the database's time. */
  clock?: Clock
  /** In [0, 1). Default `Math.random`. */
  random?: () => number
  /** How functions are called. Default: over HTTP. */
  invoke?: Invoke
}

export interface Coordinator {
  /** REST and tRPC, for any server that speaks `fetch`. */
  fetch(request: Request): Response | Promise<Response>
  /** Makes the indexes, takes over the schedules of the code, and begins to run jobs. May be called twice. */
  start(): Promise<void>
  /**
   * Claims no more and waits for running attempts, up to `graceMs` (default 30,000); those still running then are broken off and their jobs
   * given back without being charged an attempt. May be called again, with a shorter grace as well.
   */
  stop(options?: { graceMs?: number }): Promise<void>
  /** For tests and for hosts that trigger the steps themselves. */
  readonly deps: Deps
  readonly dispatcher: Dispatcher
}

const defaultGraceMs = 30_000
/** Clocks drift by a few parts in a hundred thousand: some milliseconds in five minutes. */
const clockSyncMs = 5 * 60_000

export function createCoordinator(options: CoordinatorOptions): Coordinator {
  const concurrency = options.concurrency ?? 100
  const log = options.log ?? silentLog
  const store = createStore(options.db)
  const clock = options.clock ?? databaseClock(() => store.now(), systemClock)
  const invoker = options.invoke ? undefined : createHttpInvoker({ connections: concurrency })
  const events = createEvents()
  const deps: Deps = {
    store,
    contracts: options.contracts,
    clock,
    random: options.random ?? Math.random,
    newId: createIds(() => clock.now()),
    newClaim: randomUUID,
    events,
    signer: createSigner(options.signingKeys),
    invoke: options.invoke ?? invoker!.invoke,
    log,
    keys: createKeyRing(store.keys, clock),
    metrics: createMetrics(store, () => clock.now()),
    pauses: createKnownPauses({ store, clock, events }),
    lanes: () => ({ running: dispatcher.running, limit: concurrency }),
    url: withoutSlash(options.url),
    functionAddress: readFunctionAddresses(options.functionsUrl),
    writes: gatheredWrites(store, clock, {
      insertJobs: (jobs) => insertOrStart(deps, dispatcher, jobs),
      slotsFreed: (slotKeys) => slotsFreed(deps, slotKeys),
    }),
    groups: createGroupEnds(() => deps),
  }
  const dispatcher: Dispatcher = createDispatcher(deps, concurrency)
  const waits = createWaits(deps)
  const groupWaits = createGroupWaits(deps)
  let state: 'new' | 'ready' | 'stopped' = 'new'
  let starting: Promise<void> | undefined
  let stopping: Promise<void> | undefined
  let loops: Loops | undefined
  const stopped = new AbortController()

  const app = createApp({
    deps,
    waits,
    groupWaits,
    guard: createGuard({
      apiKeys: options.apiKeys ?? [],
      ring: deps.keys,
      keysRequired: options.keysRequired ?? false,
    }),
    maxBodyBytes: options.maxBodyBytes ?? 1024 * 1024,
    isReady: () => state === 'ready',
  })

  const start = async () => {
    await store.prepare()
    if ('sync' in clock) await keepInSync(clock as DatabaseClock, log, stopped.signal)
    await reconcileSchedules(deps)
    await releaseHeld(deps)
    if (stopped.signal.aborted) return
    loops = startLoops(deps, dispatcher)
    state = 'ready'
  }

  const stop = async (graceMs: number) => {
    state = 'stopped'
    stopped.abort()
    waits.stop()
    groupWaits.stop()
    await starting?.catch(() => {})
    await loops?.stop()
    await dispatcher.stop(graceMs)
    await deps.keys.writeUses().catch((error: unknown) => log('warn', 'could not write when keys were used', { error }))
    await invoker?.close()
  }

  return {
    fetch: (request) => app.fetch(request),
    start: () => (starting ??= start()),
    async stop({ graceMs = defaultGraceMs } = {}) {
      if (stopping) await dispatcher.stop(graceMs)
      await (stopping ??= stop(graceMs))
    },
    deps,
    dispatcher,
  }
}

const withoutSlash = (url: string): string => url.replace(/\/+$/, '')

interface GatheredSteps {
  insertJobs: (jobs: JobDocument[]) => Promise<EnterOutcome[]>
  slotsFreed: (slotKeys: string[]) => Promise<void>
}

function gatheredWrites(store: Store, clock: Clock, { insertJobs, slotsFreed }: GatheredSteps): Writes {
  const apply = async (transitions: Transition[]): Promise<void> => {
    if (transitions.length === 0) return
    await store.jobs.apply(transitions, clock.now())
    const freed = transitions.flatMap(({ slotKey }) => slotKey ?? [])
    if (freed.length > 0) await slotsFreed(freed)
  }
  return {
    insertJob: gatherWrites({ write: insertJobs, maxItems: 1_000 }),
    // the ledger first: a crash in between leaves receipts whose moves the reaper finishes
    settle: gatherWrites({
      write: async (settlements) => {
        const first = await store.receipts.insertMany(settlements.map(({ receipt }) => receipt))
        await apply(settlements.filter((_, index) => first[index]).map(({ transition }) => transition))
        return first
      },
      maxItems: 1_000,
    }),
    applyTransition: gatherWrites({
      write: async (transitions) => {
        await apply(transitions)
        return transitions.map(() => {})
      },
      maxItems: 1_000,
    }),
  }
}

/** Measures the database's clock now, and again every few minutes. */
async function keepInSync(clock: DatabaseClock, log: Log, stopped: AbortSignal): Promise<void> {
  await clock.sync()
  const again = async () => {
    while (!stopped.aborted) {
      await clock.sleep(clockSyncMs, stopped)
      if (stopped.aborted) return
      await clock.sync().catch((error: unknown) => log('warn', "could not read the database's clock", { error }))
    }
  }
  void again()
}
