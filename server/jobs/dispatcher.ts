/**
 * The dispatcher keeps its lanes busy. A job passes through three places here:
 *
 *   claim ──▶ ready (ours, waits for a lane) ──▶ calling (has a lane) ──▶ settling (answered, its receipt is being written)
 *
 * A lane is free as soon as the function has answered: receipts wait together for their grouped write instead of each
 * holding a lane. While there is a backlog, jobs are claimed a moment ahead, as many as will start within that moment
 * at the pace of their workers (lanes.ts). A job that finds no lane all the same goes back, uncharged: at once where it
 * could be foreseen, else after a second, so that other coordinators may have it.
 *
 * It claims when it is woken (a job was enqueued or staged, lanes fell free), and is polled for what other coordinators
 * enqueued.
 */
import { setMaxListeners } from 'node:events'
import { notAttempted } from '../flowControl/circuitBreakers.js'
import { CallAbort, type AbortReason } from '../functions/callAbort.js'
import { claim, maxClaim, waitForLaneMs } from './claim.js'
import type { Deps } from '../deps.js'
import { call, isOver, settle } from './dispatch.js'
import { fitting, planLanes, type LanePlan } from './lanes.js'
import { requeue } from './requeue.js'
import { freeSlot } from '../flowControl/slots.js'
import type { Lanes } from './startAtOnce.js'
import type { ClaimedJob } from '../store/documents.js'

export interface Dispatcher extends Lanes {
  /** Claims what there is room for and starts it. Answers once nothing is claimable or all room is taken. */
  pump(): Promise<void>
  /** Resolves when no attempt runs and none is being claimed. */
  idle(): Promise<void>
  /**
   * Claims no more; waits for running attempts up to `graceMs`, then breaks them off and gives their jobs back,
   * uncharged.
   */
  stop(graceMs: number): Promise<void>
  /** Attempts that are ours: called, about to be, or with a receipt that is being written. */
  readonly running: number
  /** The attempts whose functions are being called. */
  calls(): { id: string; claim: string }[]
  /** Whether an attempt is ours and its function has not been called yet. */
  waits(attempt: { id: string; claim: string }): boolean
  /** Whether nothing runs and nothing is being claimed. */
  readonly isIdle: boolean
  /** How many attempts were begun, and how many calls have ended, since it was made. */
  counts(): { started: number; finished: number }
  /** Where nothing may start any more before this coordinator sleeps: gives back what is claimed and not called yet. */
  rest(): void
  /** Waits for the running calls no longer: their functions post their receipts, or the reaper finds that none came. */
  leave(): void
}

/** So many jobs tell what the next claim will bring. */
const latelyKept = 40
/** Characters of args in one call, below the smallest body that a platform takes. */
const maxCallLength = 1_000_000
/** More unwritten receipts than this, and no more calls are begun until some are written. */
const maxSettling = 4_000
/** The same in bytes, where they are large. */
const maxSettlingBytes = 32_000_000

/** One call of a function, which has a lane. */
interface Call {
  jobs: ClaimedJob[]
  callAbort: CallAbort
  beganMs: number
}

export function createDispatcher(deps: Deps, lanes: number): Dispatcher {
  let ready: ClaimedJob[] = []
  const calling = new Set<Call>()
  const settling = new Set<Promise<unknown>>()
  /** Of large answers among them. */
  let settlingBytes = 0
  const pace = createPace()
  /** The workers of the last jobs that were claimed, or came in. */
  let lately: string[] = []
  /** The next claim is planned when so few jobs are ready. */
  let planBelow = 0
  /** In calls that are under way. */
  let jobsCalled = 0
  /** Lanes that are kept for jobs that are being inserted. */
  let reserved = 0
  let stopped = false
  /** Aborts when waits for a database that is away must end. */
  let patience = lastingPatience()
  let started = 0
  let finished = 0
  let pumping: Promise<void> | undefined
  let pumpAgain = false
  /** Whether the last claim left candidates behind; then it is worth claiming again by ourselves. */
  let backlog = false
  let becameIdle: (() => void)[] = []

  const mayStart = () => !stopped && deps.activation.mayStart

  const plan = (): LanePlan => {
    const nowMs = deps.clock.now().getTime()
    return planLanes(
      {
        limit: lanes,
        calls: Array.from(calling, ({ jobs, beganMs }) => ({
          worker: jobs[0]!.worker,
          jobs: jobs.length,
          forMs: nowMs - beganMs,
        })),
        reserved,
        ready: ready.map(({ worker }) => worker),
        lately,
        backlog,
        maxClaim,
      },
      pace.of,
    )
  }

  /**
   * The plan is made from all calls, so it is not made at the end of each: once half of what was claimed has begun, and
   * then after every few jobs that begin.
   */
  const isWorthAClaim = () => {
    // a claim that is under way is followed by the next plan
    if (pumping || !backlog || !mayStart() || ready.length > planBelow) return false
    planBelow = Math.max(0, ready.length - Math.ceil(lanes / 8))
    return plan().claim > 0
  }

  const startReady = () => {
    if (ready.length > 0 && !mayStart()) giveBack(ready.splice(0))
    const mayCall = () => calling.size < lanes && settling.size < maxSettling && settlingBytes < maxSettlingBytes
    while (ready.length > 0 && mayCall()) void send(nextCall())
    watchReady()
    if (isWorthAClaim()) wake()
    if (isIdle()) {
      for (const resolve of becameIdle) resolve()
      becameIdle = []
    }
  }

  /** The next job, and those behind it that the same call may carry. */
  const nextCall = (): Call => {
    const first = ready.shift()!
    const atOnce = deps.contracts.loaded(first.worker)?.jobsPerCall ?? 1
    const jobs = atOnce === 1 ? [first] : [first, ...takeMates(ready, first, atOnce - 1)]
    return { jobs, callAbort: new CallAbort(), beganMs: deps.clock.now().getTime() }
  }

  let cancelWatch: (() => void) | undefined
  /** Lanes may all be held by calls that take long; what waits for one too long is for others to start. */
  const watchReady = () => {
    if (cancelWatch || ready.length === 0) return
    const waitedMs = deps.clock.now().getTime() - ready[0]!.startedAt.getTime()
    cancelWatch = deps.clock.alarm(Math.max(0, waitForLaneMs - waitedMs), () => {
      cancelWatch = undefined
      const since = deps.clock.now().getTime() - waitForLaneMs
      const waited = ready.filter(({ startedAt }) => startedAt.getTime() <= since)
      ready = ready.filter(({ startedAt }) => startedAt.getTime() > since)
      if (waited.length > 0) giveBack(waited)
      startReady()
    })
  }

  const send = async (begun: Call): Promise<void> => {
    const { jobs, callAbort, beganMs } = begun
    calling.add(begun)
    jobsCalled += jobs.length
    started += jobs.length
    const isLeftAlone = deps.circuitBreakers.isOpen(jobs)
    const said = isLeftAlone ? notAttempted(jobs) : await call(deps, jobs, callAbort)
    const { answers, turning } = deps.circuitBreakers.recordAnswers(jobs, said)
    if (!isLeftAlone) pace.add(jobs[0]!.worker, (deps.clock.now().getTime() - beganMs) / jobs.length)
    calling.delete(begun)
    jobsCalled -= jobs.length
    finished += jobs.length
    const settles: unknown[] = jobs.map((job, index) =>
      settle(deps, job, answers[index]!, {
        reason: callAbort.reason,
        over: isOver(deps, job, said[index]),
        givenUp: patience.signal,
      }),
    )
    const settled = Promise.all(turning ? [...settles, turning] : settles)
    const bytes = said.reduce((sum, answer) => sum + (answer.kind === 'receipt' ? (answer.size ?? 0) : 0), 0)
    settling.add(settled)
    settlingBytes += bytes
    startReady()
    await settled
    settling.delete(settled)
    settlingBytes -= bytes
    startReady()
  }

  const isIdle = () => calling.size === 0 && settling.size === 0 && ready.length === 0 && reserved === 0 && !pumping

  const fill = async (): Promise<void> => {
    do {
      pumpAgain = false
      const planned = plan()
      if (planned.claim === 0) {
        // jobs may wait that were not looked for
        backlog = true
        return
      }
      const { jobs, more } = await claim(deps, planned.claim, planned.free)
      backlog = more
      take(jobs)
      startReady()
    } while (mayStart() && (pumpAgain || backlog))
  }

  /** Those that cannot start soon are left to others. */
  const take = (jobs: ClaimedJob[]) => {
    if (!mayStart()) return giveBack(jobs)
    const workers = jobs.map(({ worker }) => worker)
    const fit = fitting(workers, plan(), pace.of)
    lately = [...lately, ...workers].slice(-latelyKept)
    ready.push(...jobs.slice(0, fit))
    planBelow = fit / 2
    if (fit === jobs.length) return
    backlog = true
    giveBack(jobs.slice(fit))
  }

  const pump = (): Promise<void> => {
    if (!mayStart()) return Promise.resolve()
    pumpAgain = true
    pumping ??= fill()
      .catch((error: unknown) => {
        // a database that fails is asked again by the loop; by ourselves it would be as fast as it can fail
        backlog = false
        throw error
      })
      .finally(() => {
        pumping = undefined
        startReady()
      })
    return pumping
  }

  const reserve = (count: number): number => {
    const nobodyWaits = mayStart() && !backlog && ready.length === 0
    const kept = nobodyWaits ? Math.max(0, Math.min(count, lanes - calling.size - reserved)) : 0
    reserved += kept
    return kept
  }

  /** A shutdown came, or the end of the time awake, while they were being inserted or waited for a lane. */
  const giveBack = (jobs: ClaimedJob[]) => {
    if (jobs.length === 0) return
    const released = requeue(deps, jobs)
      .catch((error: unknown) => deps.log('warn', 'jobs could not be given back; the reaper will', { error }))
      .finally(() => {
        settling.delete(released)
        startReady()
      })
    settling.add(released)
  }

  const wake = () => {
    // the first caller tells of its failure, once for all that wait for it
    const isFirst = pumping === undefined
    pump().catch((error: unknown) => {
      if (isFirst) deps.log('warn', 'could not claim jobs; trying again soon', { error })
    })
  }

  const abortCalls = (reason: AbortReason) => {
    for (const { callAbort } of calling) callAbort.abort(reason)
  }

  /**
   * The database has let go of it already; here the call ends, or never begins. A call that carries others as well goes
   * on: the function learns by its heartbeat, and the receipt will change nothing.
   */
  const forget = (key: string) => {
    for (const { jobs, callAbort } of calling) {
      if (jobs.length === 1 && attemptKey(jobs[0]!) === key) callAbort.abort('cancelled')
    }
    const forgotten = ready.filter((job) => attemptKey(job) === key)
    ready = ready.filter((job) => attemptKey(job) !== key)
    for (const job of forgotten) {
      freeSlot(deps, job).catch((error: unknown) => deps.log('warn', 'a slot falls free by its time only', { error }))
    }
  }

  const idle = () => (isIdle() ? Promise.resolve() : new Promise<void>((resolve) => becameIdle.push(resolve)))

  const stopListening = [
    deps.events.on('queued', wake),
    deps.events.on('cancelled', ({ id, claim }) => forget(attemptKey({ _id: id, claim }))),
  ]

  return {
    pump,
    idle,
    reserve,
    begin(jobs, kept) {
      reserved -= kept
      lately.push(...jobs.map(({ worker }) => worker))
      if (lately.length > 2 * latelyKept) lately = lately.slice(-latelyKept)
      if (mayStart()) ready.push(...jobs)
      else giveBack(jobs)
      startReady()
    },
    get isIdle() {
      return isIdle()
    },
    counts: () => ({ started, finished }),
    rest: () => startReady(),
    leave() {
      patience.abort()
      patience = lastingPatience()
      abortCalls('left')
    },
    get running() {
      return ready.length + jobsCalled + settling.size
    },
    waits: ({ id, claim }) => ready.some((job) => job._id === id && job.claim === claim),
    calls: () => [...calling].flatMap(({ jobs }) => jobs.map(({ _id: id, claim }) => ({ id, claim }))),
    async stop(graceMs) {
      stopped = true
      stopListening.forEach((stop) => stop())
      await pumping?.catch(() => {})
      cancelWatch?.()
      await requeue(deps, ready.splice(0))
      const drained = new AbortController()
      const endGrace = async () => {
        await deps.clock.sleep(graceMs, drained.signal)
        patience.abort()
        abortCalls('shutdown')
      }
      const grace = endGrace()
      await idle()
      drained.abort()
      await grace
    },
  }
}

/** Another deployment's function is another function. */
const pinOf = ({ pinned, deployment }: ClaimedJob): number | undefined => (pinned ? deployment : undefined)

/** Takes jobs of the same function out of `ready`, as many as a body should carry. */
function takeMates(ready: ClaimedJob[], first: ClaimedJob, count: number): ClaimedJob[] {
  const mates: ClaimedJob[] = []
  const { worker, args } = first
  const pin = pinOf(first)
  let size = args.length
  for (let index = 0; index < ready.length && mates.length < count;) {
    const job = ready[index]!
    if (job.worker !== worker || pinOf(job) !== pin) {
      index++
      continue
    }
    size += job.args.length
    if (size > maxCallLength) break
    mates.push(...ready.splice(index, 1))
  }
  return mates
}

function lastingPatience(): AbortController {
  const patience = new AbortController()
  // one listener for each receipt that waits
  setMaxListeners(0, patience.signal)
  return patience
}

const attemptKey = ({ _id, claim }: Pick<ClaimedJob, '_id' | 'claim'>): string => `${_id}:${claim}`

/**
 * How long jobs of each worker take, as an average that forgets: a twentieth of the difference is taken over from each
 * call.
 */
function createPace() {
  const averageMs = new Map<string, number>()
  return {
    add(worker: string, ms: number) {
      const before = averageMs.get(worker)
      averageMs.set(worker, before === undefined ? ms : before + (ms - before) / 20)
    },
    /** Undefined where no call of the worker has ended. */
    of: (worker: string): number | undefined => averageMs.get(worker),
  }
}
