/**
 * Start at once: a job that is due now, and finds a lane free and nobody waiting before it, is inserted as `running`, under a claim of this
 * coordinator. It is called as soon as it lies in the journal; the claim's read and write, and the wait for both, fall away. A coordinator that
 * dies in between leaves what a claim leaves: an attempt without a receipt, which the reaper finds at its deadline.
 *
 * Only where a claim would do nothing else: jobs with a throttle, a slot, or a key to release at the start go through the claim, and so do those that a
 * pause covers.
 */
import type { Deps } from './deps.js'
import type { ClaimedJob, JobDocument } from './store/documents.js'
import type { InsertOutcome } from './store/jobs.js'

/** Where jobs start; the dispatcher has them. */
export interface Lanes {
  /** Keeps up to so many lanes free for jobs that are being inserted. None while others wait. */
  reserve(count: number): number
  /** Starts these jobs, and gives all reserved lanes back. */
  begin(jobs: ClaimedJob[], reserved: number): void
}

export type EnterOutcome = InsertOutcome | 'started'

export async function insertOrStart(deps: Deps, lanes: Lanes, jobs: JobDocument[]): Promise<EnterOutcome[]> {
  const due = jobs.filter((job) => mayStartAtOnce(deps, job))
  const pauses = due.length === 0 ? undefined : await deps.pauses.current()
  const ready = due.filter((job) => !pauses?.covering(job))
  const reserved = ready.length === 0 ? 0 : lanes.reserve(ready.length)
  const started: ClaimedJob[] = []
  try {
    const claimed = new Map(claimNow(deps, ready.slice(0, reserved)).map((job) => [job._id, job]))
    const outcomes = await deps.store.jobs.insertMany(jobs.map((job) => claimed.get(job._id) ?? job))
    return outcomes.map((outcome, index) => {
      const job = claimed.get(jobs[index]!._id)
      if (!job || outcome !== 'inserted') return outcome
      started.push(job)
      return 'started'
    })
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
