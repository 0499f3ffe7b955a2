/**
 * The coordinator: stores jobs, decides when they run, calls functions and takes receipts. Everything it needs comes in
 * by argument.
 */
import type { TickSummary } from '../core/views/answers.gen.js'
import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Db } from 'mongodb'
import { defaultBounds, type Bounds } from './api/admission.js'
import { mayBePrivate, type PrivateFunctions } from './functions/addressGuard.js'
import { createApp } from './api/app.js'
import { alwaysActive, createActivations, startsMs } from './running/activation.js'
import type { ApiKey } from './access/setting.js'
import { createGuard } from './access/auth.js'
import { systemClock, type Clock } from '../core/time/clock.js'
import { configError } from '../core/errors.js'
import { createCircuitBreakers } from './flowControl/circuitBreakers.js'
import { createClockSync, databaseClock } from './clock.js'
import { createContractTrial } from './deployments/contractTrial.js'
import type { Contracts, ContractTrial, Deps, Invoke } from './deps.js'
import { createLiveDeployment } from './deployments/liveDeployment.js'
import { createDispatcher, type Dispatcher } from './jobs/dispatcher.js'
import { releaseHeld } from './jobs/releaseHeld.js'
import { createEvents } from './events.js'
import { readFunctionAddresses } from './functions/functionAddresses.js'
import { gatheredWrites } from './jobs/ledger.js'
import { createGroupClosing } from './groups/close.js'
import { createGroupWaits } from './groups/wait.js'
import { createIds } from '../core/job/newIds.js'
import { createHearing } from './jobs/hearing.js'
import { createIntake } from './api/intake.js'
import { createInvokers } from './functions/invokers.js'
import { createKeyRing } from './access/keyRing.js'
import { silentLog, sparing, type Log } from './log.js'
import { startLoops, type Loops } from './running/loops.js'
import { createMetrics } from './api/metrics.js'
import { createPlaces } from './api/places.js'
import { createKnownPauses } from './flowControl/knownPauses.js'
import type { RenewableDatabase } from '../database/renewable.js'
import { createPresence, type Presence } from './presence.js'
import { createFetch, type Fetch } from './running/requests.js'
import { runOnce } from './running/runOnce.js'
import { createScheduleWatch } from './schedules/watch.js'
import { reconcileSchedules } from './schedules/define.js'
import { slotsFreed } from './flowControl/slots.js'
import { createSigner } from './functions/signer.js'
import { insertOrStart } from './jobs/startAtOnce.js'
import { stage } from './jobs/stage.js'
import { deploymentFreshMs, stepsOfLife } from './running/steps.js'
import { createStore, type Store } from './store/index.js'
import { createWaits } from './operations/wait.js'
import { untilAnswered } from './untilAnswered.js'
import { requestFailed } from './wireError.js'
import { defaultBudgetMs, longestBudgetMs } from '../core/views/tick.js'

export interface CoordinatorOptions {
  /**
   * The database, as `openDatabase` opens it: where its client gets stuck, which the driver may do when all its
   * connections are cut in one moment, a new one is made. This, or `db`.
   */
  database?: RenewableDatabase
  /**
   * The database by a client of your own. Where that gets stuck the coordinator says so in its log, and has to be
   * started again.
   */
  db?: Db
  /**
   * The project whose jobs these are; codegen writes it into `.errand/manifest.json`. A start on a database that
   * another project uses throws `CONFIG`. Default: not known, and nothing is compared.
   */
  project?: string | undefined
  /**
   * A part of the names of the collections, `errand_<namespace>_jobs`, so that several can share a database. 1 to 32
   * small letters, digits and hyphens. Default: none, `errand_jobs`.
   */
  namespace?: string | undefined
  /** Whether it is a preview, which throws `CONFIG` where production uses the same collections. Default: false. */
  preview?: boolean | undefined
  /** The workers it knows while no deployment is live. */
  contracts: Contracts
  /**
   * Whether the deployment that is live (`errand deploy`) takes the place of `contracts` and `functionsUrl`. Not for a
   * coordinator whose contracts its host replaces. Default: true.
   */
  followDeployments?: boolean
  /** How contracts of a deployment are tried before they are loaded. Default: in a thread, within 10 seconds. */
  tryContracts?: ContractTrial
  /** The coordinator's address as functions see it, for receipts. */
  url: string
  /**
   * Where the functions are: one address for all, one with `{worker}` in it, or `worker=address` pairs; see
   * server/functions/functionAddresses.
   */
  functionsUrl: string
  /** `whsec_…` keys; the first one signs, all verify. */
  signingKeys: readonly string[]
  /**
   * Beside those in the database. Where there is none at all everything is open, unless `keysRequired`. Default: none.
   */
  apiKeys?: readonly ApiKey[]
  /**
   * Whether all callers are refused while there is no key. For coordinators that others than this machine can reach.
   * Default: false.
   */
  keysRequired?: boolean
  /** How many attempts may run at once on this coordinator. Default 100. */
  concurrency?: number
  /**
   * The largest body of `POST /job`, and the most that the args of one job may take where many come in one request, in
   * bytes. Default 1 MiB.
   */
  maxBodyBytes?: number
  /**
   * How much may wait to be written, as jobs and as bytes of the requests that bring them, before further ones are
   * answered with 503 `OVERLOADED` and told when to come again. A quarter is for jobs that come alone. Default: 20,000
   * jobs and 24 MB.
   */
  maxWaiting?: Partial<Bounds>
  log?: Log
  /** Default: the machine's, set to the database's time. */
  clock?: Clock
  /** In [0, 1). Default `Math.random`. */
  random?: () => number
  /**
   * Whether functions may be at addresses that are not public: loopback, private networks, link-local and the like. A
   * host's address is looked at when the connection is made; a refused attempt fails with `ADDRESS_REFUSED`.
   * Default: only on hosts that `functionsUrl` itself names as private, such as `http://127.0.0.1:4101` or
   * `http://functions:8080`.
   */
  privateFunctions?: PrivateFunctions
  /**
   * How functions are called whose addresses have a scheme of your own, such as `{ unix: … }` for
   * `unix:/run/functions.sock`; see docs/deploy.md. `http`, `https` and `lambda` (ARNs too) are there, and may be
   * replaced.
   */
  invokers?: Readonly<Record<string, Invoke>>
  /** How all functions are called, at any address. Default: by the scheme of each. */
  invoke?: Invoke
  /**
   * Whether it stays on. One that does not (a function) has no loops: it starts with its first request, each request
   * dispatches what it brought, and `runOnce()`, called by a platform's cron, does the rest. Default: true.
   */
  stayOn?: boolean
  /**
   * Of one that does not stay on: how long a tick or a request may keep it awake, in milliseconds; below what the
   * platform allows. Default 50,000.
   */
  budgetMs?: number
  /**
   * Of one that does not stay on, where a request has no `waitUntil`: how long the answer may wait for the job that was
   * enqueued. Default 5,000.
   */
  answerWithinMs?: number
}

export interface Coordinator {
  /**
   * REST and tRPC, for any server that speaks `fetch`. Where the coordinator does not stay on, jobs that may start now
   * are dispatched after the answer, within `waitUntil`, or before it where there is none.
   */
  fetch: Fetch
  /**
   * Makes every step of the jobs' lives once. One that does not stay on waits, within the budget, for what runs and for
   * what comes due. Safe beside others, here and elsewhere. Throws `TICK_FAILED` once all had their turn, where some
   * failed.
   */
  runOnce(options?: { budgetMs?: number | undefined }): Promise<TickSummary>
  /** Makes the indexes, takes over the schedules of the code, and begins to run jobs. May be called twice. */
  start(): Promise<void>
  /**
   * Claims no more and waits for running attempts, up to `graceMs` (default 30,000); those still running then are
   * broken off and their jobs given back without being charged an attempt. May be called again, with a shorter grace as
   * well.
   */
  stop(options?: { graceMs?: number }): Promise<void>
  /** For tests and for hosts that trigger the steps themselves. */
  readonly deps: Deps
  readonly dispatcher: Dispatcher
}

const defaultGraceMs = 30_000
/** Attempts broken off at the end of the grace have so long to be written. */
const lastWriteMs = 5_000
export function createCoordinator(options: CoordinatorOptions): Coordinator {
  const { concurrency = 100, maxBodyBytes = 1024 * 1024 } = options
  const { stayOn = true, budgetMs: longestActivationMs = defaultBudgetMs, answerWithinMs = 5_000 } = options
  // a caller without a key could fill the log while the database is away
  const log = sparing(options.log ?? silentLog, {
    spares: (_, message) => message === requestFailed,
    now: () => clock.now(),
  })
  const events = createEvents()
  const database = databaseOf(options)
  const stopped = new AbortController()
  const halted = new AbortController()
  const overdue = new AbortController()
  setMaxListeners(0, halted.signal)
  const presence: Presence = createPresence({
    database,
    ping: () => store.ping(),
    back: () => events.emit('databaseBack', undefined),
    clock: systemClock,
    log,
  })
  const store: Store = createStore(() => database.db, {
    clock: systemClock,
    back: () => presence.answering(),
    failing: () => presence.failing(),
    overdue: overdue.signal,
    tenant: { project: options.project, namespace: options.namespace, preview: options.preview },
  })
  const clock = options.clock ?? databaseClock(() => store.now(), systemClock)
  const clockSync = createClockSync({ clock, log, stayOn, stopped: stopped.signal })
  const intake = createIntake({ clock, bounds: { ...defaultBounds, ...options.maxWaiting } })
  const { functionsUrl, invokers: more = {} } = options
  const invokers = options.invoke
    ? undefined
    : createInvokers({
        connections: concurrency,
        mayBePrivate: mayBePrivate(options.privateFunctions, functionsUrl),
        more,
      })
  const activations = stayOn
    ? undefined
    : createActivations({
        clock,
        events,
        log,
        stage: async () => (await stage(deps)).due,
        dispatcher: () => dispatcher,
      })
  const liveDeployment = createLiveDeployment({
    own: { contracts: options.contracts, address: readFunctionAddresses(functionsUrl, Object.keys(more)) },
    follows: options.followDeployments ?? true,
    schemes: Object.keys(more),
    onSwitch: [reconcileSchedules, releaseHeld],
    getDeps: () => deps,
  })
  const deps: Deps = {
    store,
    contracts: liveDeployment.contracts,
    liveDeployment,
    tryContracts: options.tryContracts ?? createContractTrial(),
    clock,
    random: options.random ?? Math.random,
    newId: createIds(() => clock.now()),
    newClaim: randomUUID,
    events,
    signer: createSigner(options.signingKeys),
    invoke: options.invoke ?? invokers!.invoke,
    log,
    keyRing: createKeyRing(store.apiKeys, clock),
    intake,
    metrics: createMetrics({ store, intake, now: () => clock.now() }),
    places: createPlaces(),
    pauses: createKnownPauses({ store, clock, events }),
    circuitBreakers: createCircuitBreakers(() => deps),
    lanes: () => ({ running: dispatcher.running, limit: concurrency }),
    maxJobBytes: maxBodyBytes,
    waitsForLane: (attempt) => dispatcher.waits(attempt),
    hearing: createHearing({ clock, events, isAway: () => presence.isAway, always: !stayOn }),
    scheduleWatch: createScheduleWatch(),
    url: withoutSlash(options.url),
    presence,
    halted: halted.signal,
    writes: gatheredWrites(store, clock, {
      again: (write) => untilAnswered(deps, write, { signal: halted.signal }),
      isAway: () => presence.isAway,
      insertJobs: (jobs) => insertOrStart(deps, dispatcher, jobs),
      slotsFreed: (slotKeys) => slotsFreed(deps, slotKeys),
    }),
    groups: createGroupClosing(() => deps),
    activation: activations ?? alwaysActive,
  }
  const dispatcher: Dispatcher = createDispatcher(deps, concurrency)
  const steps = stepsOfLife(deps, dispatcher)
  const waits = createWaits(deps)
  const groupWaits = createGroupWaits(deps)
  let state: 'new' | 'ready' | 'stopped' = 'new'
  let starting: Promise<void> | undefined
  let stopping: Promise<void> | undefined
  let loops: Loops | undefined

  const runOnceHere: Coordinator['runOnce'] = async ({ budgetMs = defaultBudgetMs } = {}) => {
    if (!activations)
      return runOnce(deps, dispatcher, steps, { budgetMs: Math.min(budgetMs, longestBudgetMs), waits: false })
    await wakeUp()
    const forMs = Math.min(budgetMs, longestActivationMs)
    const activation = activations.open({ startsMs: startsMs(forMs), forMs, hasIdleWindow: false })
    try {
      return await runOnce(deps, dispatcher, steps, { budgetMs: forMs, waits: true })
    } finally {
      await activation.end()
    }
  }

  const app = createApp({
    deps,
    runOnce: runOnceHere,
    waits,
    groupWaits,
    guard: createGuard({
      apiKeys: options.apiKeys ?? [],
      ring: deps.keyRing,
      keysRequired: options.keysRequired ?? false,
    }),
    maxBodyBytes,
    isReady: () => state === 'ready',
  })

  const start = async () => {
    presence.start()
    await invokers?.ready(functionsUrl)
    await store.prepare()
    await clockSync.begin()
    await liveDeployment.begin()
    if (stopped.signal.aborted) return
    deps.hearing.begin()
    if (stayOn) loops = startLoops(deps, steps)
    state = 'ready'
  }

  /** One that failed to start, with its database away, tries again when it is next asked. */
  const ready = (): Promise<void> =>
    (starting ??= start().catch((error: unknown) => {
      starting = undefined
      throw error
    }))

  /** Started, and with a clock and a deployment that were looked at lately. */
  const wakeUp = async (): Promise<void> => {
    await ready()
    await liveDeployment.lookAgain(deploymentFreshMs)
    await clockSync.lookAgain()
  }

  const writeUses = () =>
    deps.keyRing.writeUses().catch((error: unknown) => log('warn', 'could not write when keys were used', { error }))

  /** Work that waits for the database at the end of the grace is left to others. */
  const haltAfter = async (graceMs: number) => {
    await clock.sleep(graceMs + lastWriteMs, halted.signal)
    if (!halted.signal.aborted) overdue.abort()
    halted.abort()
  }

  const stop = async (graceMs: number) => {
    state = 'stopped'
    stopped.abort()
    activations?.stop()
    waits.stop()
    groupWaits.stop()
    void haltAfter(graceMs)
    await starting?.catch(() => {})
    await loops?.stop()
    await dispatcher.stop(graceMs)
    halted.abort()
    deps.hearing.stop()
    presence.stop()
    if (!presence.isAway) await writeUses()
    await invokers?.close()
  }

  return {
    fetch: createFetch({
      answer: (request) => app.fetch(request),
      presence,
      log,
      isStarting: () => stayOn && starting !== undefined && state === 'new',
      sleeper: activations && {
        activations,
        wakeUp,
        beforeSleep: writeUses,
        longestMs: longestActivationMs,
        answerWithinMs,
      },
    }),
    runOnce: runOnceHere,
    start: ready,
    async stop({ graceMs = defaultGraceMs } = {}) {
      if (stopping) {
        void haltAfter(graceMs)
        await dispatcher.stop(graceMs)
      }
      await (stopping ??= stop(graceMs))
    },
    deps,
    dispatcher,
  }
}

function databaseOf({ database, db }: CoordinatorOptions): Pick<RenewableDatabase, 'db'> & Partial<RenewableDatabase> {
  if (database) return database
  if (db) return { db }
  throw configError(
    'createCoordinator needs `database`, as openDatabase makes it, or the `db` of a client of your own.',
  )
}

const withoutSlash = (url: string): string => url.replace(/\/+$/, '')
