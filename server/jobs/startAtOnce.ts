/**
 * Start at once: a job that is due now, and finds a lane free and no job waiting before it, is inserted as `running`,
 * under a claim of this coordinator. It is called as soon as it lies in the journal; the claim's read and write, and
 * the wait for both, fall away. A coordinator that dies in between leaves what a claim leaves: an attempt without a
 * receipt, which the reaper finds at its deadline. One that does not hear whether the insert happened reads back what
 * is there.
 *
 * Only where a claim would do nothing else: jobs with a throttle, a slot, or a key to release at the start go through
 * the claim, and so do those that a pause covers.
 */
import type { Deps, EnterOutcome } from '../deps.js'
import { beginable, lookLater } from './lostAnswer.js'
import type { ClaimedJob, JobDocument } from '../store/documents.js'
import type { InsertOutcome } from '../store/jobs/insert.js'
import { operationLimitMs } from '../../database/renewable.js'
import { settled } from '../store/operations.js'
import { DatabaseAwayError, isOutage } from '../store/outage.js'
import { untilAnswered } from '../untilAnswered.js'

/** Where jobs start; the dispatcher has them. */
export interface Lanes {
  /** Keeps up to so many lanes free for jobs that are being inserted. None while others wait. */
  reserve(count: number): number
  /** Starts these jobs, and gives all reserved lanes back. */
  begin(jobs: ClaimedJob[], reserved: number): void
}

export async function insertOrStart(deps: Deps, lanes: Lanes, jobs: JobDocument[]): Promise<EnterOutcome[]> {
  // their callers have waited for those before them in the line
  if (deps.presence.isLongAway) throw new DatabaseAwayError()
  const due = jobs.filter((job) => mayStartAtOnce(deps, job))
  const pauses = due.length === 0 ? undefined : await deps.pauses.current()
  const ready = due.filter((job) => !pauses?.covering(job))
  const reserved = ready.length === 0 ? 0 : lanes.reserve(ready.length)
  const starting = ready.slice(0, reserved)
  const claims = claimNow(deps, starting)
  // by the job itself: two requests may have one id
  const claimed = new Map(starting.map((job, index) => [job, claims[index]!]))
  const documents = jobs.map((job) => claimed.get(job) ?? job)
  const entering = { jobs, documents, claimed, reserved, begunAt: deps.clock.now() }
  try {
    return enter(lanes, entering, await deps.store.jobs.insertMany(documents))
  } catch (error) {
    if (isOutage(error)) return await readBackEntering(deps, lanes, entering, error)
    lanes.begin([], reserved)
    throw error
  }
}

/** Jobs that are being inserted, and those among them that start with it. */
interface Entering {
  jobs: JobDocument[]
  /** As they are inserted. */
  documents: JobDocument[]
  claimed: Map<JobDocument, ClaimedJob>
  reserved: number
  begunAt: Date
}

function enter(lanes: Lanes, { jobs, claimed, reserved }: Entering, outcomes: InsertOutcome[]): EnterOutcome[] {
  const started: ClaimedJob[] = []
  const entered = outcomes.map((outcome, index) => {
    const job = claimed.get(jobs[index]!)
    if (!job || outcome !== 'inserted') return outcome
    started.push(job)
    return 'started'
  })
  lanes.begin(started, reserved)
  return entered
}

/**
 * Throws what the insert threw where not all of the jobs are there, or that cannot be said in time; those that are
 * begin all the same.
 */
async function readBackEntering(deps: Deps, lanes: Lanes, entering: Entering, error: unknown): Promise<EnterOutcome[]> {
  deps.log('warn', 'an insert was not answered; looking what is there', { error, jobs: entering.documents.length })
  const found = lookUp(deps, lanes, entering, error)
  const over = new AbortController()
  // callers wait no longer than for any other operation; then they hear that it may be there
  const leftMs = operationLimitMs - (deps.clock.now().getTime() - entering.begunAt.getTime())
  const outcomes = await Promise.race([found, deps.clock.sleep(leftMs, over.signal)])
  over.abort()
  if (!outcomes || outcomes.includes(undefined)) throw error
  return outcomes as EnterOutcome[]
}

/**
 * The outcome of each job that is there. Begins those that started with their insert; their lanes are kept until it is
 * known which did. Never rejects.
 */
async function lookUp(
  deps: Deps,
  lanes: Lanes,
  { documents, claimed, reserved }: Entering,
  error: unknown,
): Promise<(EnterOutcome | undefined)[] | undefined> {
  let started: ClaimedJob[] = []
  try {
    await settled(error)
    const ids = documents.map(({ _id }) => _id)
    const claims = await untilAnswered(deps, () => deps.store.jobs.claimsOf(ids), { signal: deps.halted })
    const ours = [...claimed.values()].filter(({ _id, claim }) => claims.get(_id) === claim)
    const absent = [...claimed.values()].filter(({ _id }) => !claims.has(_id))
    if (absent[0])
      lookLater(
        deps,
        absent.map(({ _id }) => _id),
        absent[0].claim,
      )
    started = await beginable(deps, ours)
    // no caller waits any more that would tell the claim of the others
    deps.events.emit('queued', undefined)
    const startedIds = new Set(started.map(({ _id }) => _id))
    return documents.map(({ _id: id, givenId }) => {
      if (startedIds.has(id)) return 'started'
      if (!claims.has(id)) return undefined
      // it may be ours, or that of an earlier request with the id
      return givenId ? 'sameId' : 'inserted'
    })
  } catch (error) {
    deps.log('warn', 'could not look what is there of jobs that were being inserted', { error })
    return undefined
  } finally {
    lanes.begin(started, reserved)
  }
}

function mayStartAtOnce({ contracts }: Deps, { state, held, worker, uniqueUntilStart }: JobDocument): boolean {
  if (state !== 'queued' || held || uniqueUntilStart) return false
  const contract = contracts.loaded(worker)
  // one whose worker left with a switch a moment ago is known, and has no function
  return (
    contract !== undefined &&
    contracts.has(worker) &&
    contract.throttle === undefined &&
    contract.concurrency === undefined
  )
}

function claimNow(deps: Deps, jobs: JobDocument[]): ClaimedJob[] {
  const claim = deps.newClaim()
  const startedAt = deps.clock.now()
  return jobs.map((job) => ({
    ...job,
    state: 'running',
    claim,
    startedAt,
    deadline: new Date(startedAt.getTime() + deps.contracts.loaded(job.worker)!.timeoutMs),
    attempt: job.attempt + 1,
  }))
}
