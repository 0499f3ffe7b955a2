/** Enqueue: jobs are encoded one by one, and many travel in one request. */
import { enqueueManyLimit } from '../core/limits.js'
import type { EnqueueOutcome as WireOutcome } from '../core/views/answers.gen.js'
import { idAt } from '../core/job/newIds.js'
import { encodeJob, type EncodedJob } from '../core/job/encodeJob.js'
import { ErrandError } from '../core/errors.js'
import { fromWire } from '../core/fromWire.js'
import type { JobState } from '../core/states.js'
import { gather } from './gather.js'
import type { Transport } from './transport.js'
import type { EnqueueOptions } from './types.js'

/** Characters. Of three bytes each they are just below what a coordinator takes (8 MiB). */
export const maxRequestSize = 2_600_000

/**
 * Characters that jobs may take which must travel in one request, because they come all or none: a little less than a
 * coordinator takes, where they are of one byte each. It refuses what is larger by others.
 */
export const maxTogetherSize = 8_300_000

export interface Enqueued {
  id: string
  state: JobState
  runAt: Date
  existing?: boolean
}

export type Outcome = ({ ok: true } & Enqueued) | { ok: false; error: ErrandError }

/** One after the other, as many as fit into a request. A job that is larger than a request should be goes alone. */
export function* inRequests<Sized>(jobs: readonly Sized[], sizeOf: (job: Sized) => number): Generator<Sized[]> {
  let request: Sized[] = []
  let requestSize = 0
  for (const job of jobs) {
    const size = sizeOf(job)
    if (request.length > 0 && (request.length === enqueueManyLimit || requestSize + size > maxRequestSize)) {
      yield request
      request = []
      requestSize = 0
    }
    request.push(job)
    requestSize += size
  }
  if (request.length > 0) yield request
}

/** What jobs are sent by. */
export interface Sending {
  transport: Transport
  /** Makes the first of so many ids. */
  newId: (count: number) => string
}

/** Sends one request's worth of jobs. Each has its id, so it is one job however often it is sent. */
async function sendJobs(
  { transport, newId }: Sending,
  jobs: readonly EncodedJob[],
  more: { atomic?: true } = {},
): Promise<Outcome[]> {
  const id = newId(jobs.length)
  const outcomes: (WireOutcome | undefined)[] = jobs.map(() => undefined)
  /** Jobs whose database was away when they were to be written. */
  const left = () => outcomes.flatMap((outcome, place) => (isAway(outcome) ? [place] : []))
  try {
    await transport.call(
      async (router, options) => {
        const places = left()
        const isAll = places.length === jobs.length
        const sent = places.map((place) => {
          const { request } = jobs[place]!
          // the others stand where they stood before
          return isAll ? request : { ...request, id: request.id ?? idAt(id, place) }
        })
        const answer = await router.enqueueMany.mutate({ jobs: sent, ...(isAll ? { id } : {}), ...more }, options)
        answer.outcomes.forEach((outcome, index) => (outcomes[places[index]!] = outcome))
        const away = outcomes.find((outcome) => outcome && isAway(outcome))
        if (away && !away.ok) throw fromWire(away.error)
      },
      { repeatable: true },
    )
  } catch (error) {
    // where the time is over, each has the outcome that it got
    if (outcomes.includes(undefined)) throw error
  }
  return outcomes.map((outcome): Outcome =>
    outcome!.ok ? { ...outcome!, runAt: new Date(outcome!.runAt) } : { ok: false, error: fromWire(outcome!.error) },
  )
}

/** It has no outcome yet, or one that may be another when it is asked for again. */
const isAway = (outcome: WireOutcome | undefined): boolean =>
  outcome === undefined || (!outcome.ok && outcome.error.code === 'UNAVAILABLE')

/** Enqueues one job; those of one turn share a request. */
export function createEnqueue(sending: Sending): (job: EncodedJob) => Promise<Enqueued> {
  const send = gather<EncodedJob, Outcome>({
    split: (calls) => inRequests(calls, ({ item }) => item.size),
    send: (jobs) => sendJobs(sending, jobs),
  })
  return async (job) => {
    const outcome = await send(job)
    if (!outcome.ok) throw outcome.error
    return outcome
  }
}

export type AnyItem = { worker: string; args?: unknown } & EnqueueOptions

/**
 * Enqueues each on its own. Throws where not even the first request could be made; after that, a request that fails
 * gives its error to its own jobs and to all behind them, which are not sent.
 */
export async function enqueueAll(sending: Sending, items: readonly AnyItem[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const encoded: { place: number; job: EncodedJob }[] = []
  for (const [place, { worker, args, ...options }] of items.entries()) {
    try {
      encoded.push({ place, job: encodeJob(worker, args, options) })
    } catch (error) {
      if (!(error instanceof ErrandError)) throw error
      outcomes[place] = { ok: false, error }
    }
  }
  let sent = 0
  for (const request of inRequests(encoded, ({ job }) => job.size)) {
    try {
      const jobs = request.map(({ job }) => job)
      const answers = await sendJobs(sending, jobs)
      request.forEach(({ place }, index) => (outcomes[place] = answers[index]!))
      sent += request.length
    } catch (error) {
      if (sent === 0 || !(error instanceof ErrandError)) throw error
      for (const { place } of encoded.slice(sent)) outcomes[place] = { ok: false, error }
      break
    }
  }
  return outcomes
}

/**
 * Enqueues all or none. Throws `ATOMIC_REFUSED` with issues that name the items, and `PAYLOAD_TOO_LARGE` before
 * anything is sent.
 */
export async function enqueueAtomic(sending: Sending, items: readonly AnyItem[]): Promise<Outcome[]> {
  if (items.length === 0) return []
  const jobs = items.map(({ worker, args, ...options }, index) => {
    try {
      return encodeJob(worker, args, options)
    } catch (error) {
      throw refusedAt(['jobs', index], error)
    }
  })
  checkOneRequest(
    jobs.length,
    jobs.reduce((size, job) => size + job.size, 0),
  )
  return sendJobs(sending, jobs, { atomic: true })
}

/** One item cannot be sent, so none is. */
export function refusedAt(path: (string | number)[], error: unknown): unknown {
  if (!(error instanceof ErrandError)) return error
  const { code, message } = error
  return new ErrandError('ATOMIC_REFUSED', `Nothing was sent, because ${path.join('.')} cannot be. ${message}`, {
    issues: [{ path, code: code.toLowerCase(), message }],
    cause: error,
  })
}

/** Throws `PAYLOAD_TOO_LARGE` for jobs that come all or none and do not fit into one request. */
export function checkOneRequest(jobs: number, size: number): void {
  if (jobs <= enqueueManyLimit && size <= maxTogetherSize) return
  throw new ErrandError(
    'PAYLOAD_TOO_LARGE',
    `Jobs that come all or none travel in one request, which holds ${enqueueManyLimit} jobs and ${maxTogetherSize} characters; these are ${jobs} jobs of about ${size} characters. Nothing was sent. Send fewer, or store large data elsewhere and send its address.`,
    { details: { jobs, size } },
  )
}
