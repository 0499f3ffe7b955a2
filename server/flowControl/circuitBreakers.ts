/**
 * Circuit breakers: a function that cannot be called, or answers with errors of its server, is left alone for a while,
 * and its jobs wait uncharged.
 *
 *   closed ──failures in a row──▶ open until some moment ──it passes──▶ half-open: one job starts, as a probe
 *     ▲                             ▲                                      │
 *     │                             └──── for twice as long ──── it fails ─┤
 *     └──────────────────────────────────── the function answers ──────────┘
 *
 * An open breaker is a pause of the worker that Errand makes itself: it lies where pauses lie, so every coordinator
 * learns of it as it does of those, the claim holds the worker's jobs the same way, and a caller that asks why a job
 * waits finds it. Each coordinator counts the failures in a row that lead there for itself.
 *
 * This changes no job in the database but to hold it and let it go. A coordinator that dies at any point leaves a
 * breaker with a moment in it, and when that has passed the next one goes on from there.
 */
import type { Deps, CircuitBreakers, Verdict, Answer } from '../deps.js'
import { breakerId, heldBy } from './knownPauses.js'
import type { BreakerDocument, ClaimedJob } from '../store/documents.js'

/** So many failures in a row, and none between them that got through. */
const fewestFailures = 5
/**
 * They say more when they lie apart: fewer than so many must. A function that fails now and then is not cut off by a
 * bad moment.
 */
const manyFailures = 20
const apartMs = 1_000
const firstOpenMs = 5_000
const longestOpenMs = 120_000
/** A probe has its worker's timeout to get through, and so long to be started. */
const probeStartMs = 10_000
/** Jobs that one write lets go; a sweep follows for the rest. */
const releasePageSize = 5_000

type Health = 'answers' | 'fails' | 'unknown'

/**
 * Only what a platform says in a function's place counts. An error of `run` is an answer, and so is "try again then".
 */
function healthOf(answer: Answer): Health {
  if (answer.kind === 'aborted' || answer.kind === 'late' || answer.kind === 'notAttempted') return 'unknown'
  if (answer.kind !== 'failed') return 'answers'
  if (answer.retryAfterMs !== undefined) return 'answers'
  if (answer.code === 'UNREACHABLE' || /^HTTP_5\d\d$/.test(answer.code)) return 'fails'
  return answer.code.startsWith('HTTP_') ? 'answers' : 'unknown'
}

export function createCircuitBreakers(getDeps: () => Deps): CircuitBreakers {
  /** Failures in a row by worker; none is in here whose last call got through. */
  const failing = new Map<string, { count: number; sinceMs: number }>()
  /** Those that are being opened here. */
  const opening = new Set<string>()

  const recordAnswers = (jobs: readonly ClaimedJob[], answers: Answer[]): Verdict => {
    const [answer] = answers
    const { worker } = jobs[0]!
    const health = answer ? healthOf(answer) : 'unknown'
    if (health === 'unknown') return { answers }
    const deps = getDeps()
    const breaker = deps.pauses.breaker(worker)
    const probed = breaker !== undefined && isProbed(breaker, jobs)
    if (health === 'answers') {
      failing.delete(worker)
      return probed ? { answers, turning: guarded(deps, close(deps, breaker)) } : { answers }
    }
    const { code } = answer as Extract<Answer, { kind: 'failed' }>
    if (probed) return { answers, turning: guarded(deps, openAgain(deps, breaker, code)) }
    if (breaker || opening.has(worker)) return { answers: notAttempted(jobs) }
    if (!tooMany(worker, deps.clock.now().getTime())) return { answers }
    opening.add(worker)
    const opened = open(deps, worker, code).finally(() => opening.delete(worker))
    return { answers, turning: guarded(deps, opened) }
  }

  const tooMany = (worker: string, nowMs: number): boolean => {
    const known = failing.get(worker) ?? { count: 0, sinceMs: nowMs }
    failing.set(worker, known)
    known.count++
    return known.count >= manyFailures || (known.count >= fewestFailures && nowMs - known.sinceMs >= apartMs)
  }

  return {
    isOpen(jobs) {
      const { worker } = jobs[0]!
      const breaker = getDeps().pauses.breaker(worker)
      return breaker ? !isProbed(breaker, jobs) : opening.has(worker)
    },
    recordAnswers,
    async probe() {
      const deps = getDeps()
      const { broken } = await deps.pauses.current()
      const now = deps.clock.now()
      for (const breaker of broken) if (breaker.broken.until <= now) await probe(deps, breaker)
      const moments = (await deps.pauses.current()).broken.map(({ broken: { until } }) => until.getTime())
      return moments.length === 0 ? undefined : new Date(Math.min(...moments))
    },
    async closeAll() {
      const deps = getDeps()
      failing.clear()
      for (const breaker of (await deps.pauses.fresh()).broken) await close(deps, breaker)
    },
  }
}

const isProbed = ({ broken: { probe } }: BreakerDocument, jobs: readonly ClaimedJob[]): boolean =>
  probe !== undefined && jobs.some(({ _id }) => _id === probe)

export const notAttempted = (jobs: readonly ClaimedJob[]): Answer[] => jobs.map(() => ({ kind: 'notAttempted' }))

/** A failed write is made good by the next failure, or by the next look at the breaker's moment. */
const guarded = (deps: Deps, work: Promise<void>): Promise<void> =>
  work.catch((error: unknown) => deps.log('warn', 'a circuit breaker could not be written', { error }))

function openMs({ random }: Deps, times: number): number {
  const ms = Math.min(longestOpenMs, firstOpenMs * 2 ** Math.min(times - 1, 10))
  return ms * (1 - random() / 10)
}

async function open(deps: Deps, worker: string, code: string): Promise<void> {
  const at = deps.clock.now()
  const until = new Date(at.getTime() + openMs(deps, 1))
  const _id = breakerId(worker)
  const existing = await deps.store.pauses.insert({
    _id,
    worker,
    by,
    at,
    reason: reasonOf(code),
    broken: { until, times: 1, code },
  })
  await deps.pauses.fresh()
  if (existing) return
  deps.log('warn', 'a function fails, and is left alone for a while', { worker, code, until: until.toISOString() })
}

async function openAgain(deps: Deps, breaker: BreakerDocument, code: string): Promise<void> {
  const { worker, broken } = breaker
  const times = broken.times + 1
  const until = new Date(deps.clock.now().getTime() + openMs(deps, times))
  await deps.store.pauses.turnBreaker(breaker, { until, times, code }, reasonOf(code))
  await deps.pauses.fresh()
  deps.log('info', 'a function still fails', { worker, code, until: until.toISOString() })
}

async function close(deps: Deps, breaker: BreakerDocument): Promise<void> {
  const { _id, worker } = breaker
  const closed = await deps.store.pauses.removeBreaker(breaker)
  await deps.pauses.fresh()
  if (!closed) return
  // a crash here leaves jobs held by a breaker that is gone: the sweep of pauses releases them
  await deps.store.jobs.releaseHeldBy([heldBy(_id)], releasePageSize)
  deps.events.emit('queued', undefined)
  deps.log('info', 'a function answers again', { worker })
}

/**
 * Of coordinators that come at once one writes. Where nothing waits to try it with, the breaker closes: the next job
 * finds out.
 */
async function probe(deps: Deps, breaker: BreakerDocument): Promise<void> {
  const { _id, worker, broken } = breaker
  const held = heldBy(_id)
  const job = await deps.store.jobs.anyHeldBy(held)
  if (job === undefined) return close(deps, breaker)
  const timeoutMs = deps.contracts.has(worker) ? (await deps.contracts.get(worker)).timeoutMs : 0
  const until = new Date(deps.clock.now().getTime() + timeoutMs + probeStartMs)
  const { times, code } = broken
  if (await deps.store.pauses.turnBreaker(breaker, { until, times, code, probe: job })) {
    await deps.pauses.fresh()
    await deps.store.jobs.releaseOne(job, held)
    deps.events.emit('queued', undefined)
  } else await deps.pauses.fresh()
}

/** Stands in the place of the name of the operator who paused a worker. */
const by = 'circuit breaker'
const reasonOf = (code: string): string => `its function fails (${code})`
