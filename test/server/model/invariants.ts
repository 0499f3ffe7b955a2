/** What must be so after every step, read from the database. */
import type { Db } from 'mongodb'
import { expect } from 'vitest'
import { isFinal } from '../../../core/states.js'
import { occurrencesUntil } from '../../../core/time/occurrences.js'
import { occurrencesOf } from '../../../server/schedules/fire.js'
import { occurrenceId } from '../../../server/ids.js'
import {
  receiptId,
  type AttemptResultDocument,
  type JobDocument,
  type ScheduleDocument,
  type SlotsDocument,
} from '../../../server/store/documents.js'
import type { Functions } from './functions.js'
import { limits } from './workers.js'

const jobOf = (receiptId: string): string => receiptId.slice(0, receiptId.indexOf(':'))

export function watchInvariants(db: Db, functions: Functions, { start, stalls }: { start: Date; stalls: boolean }) {
  const jobs = db.collection<JobDocument>('errand_jobs')
  const receipts = db.collection<AttemptResultDocument>('errand_receipts')
  const schedules = db.collection<ScheduleDocument>('errand_schedules')
  const slots = db.collection<SlotsDocument>('errand_slots')
  /** As they were last seen. */
  const seen = new Map<string, JobDocument>()
  const gone = new Set<string>()
  const ledger = new Map<string, AttemptResultDocument>()
  /** What callers were told: these jobs exist, and these attempts have these results. */
  const acknowledged = new Set<string>()
  const accepted = new Map<string, string>()
  /** Jobs that an operator has retried, or tried to. */
  const retried = new Set<string>()

  const check = async (now: Date) => {
    const current = await jobs.find().toArray()
    const byId = new Map(current.map((job) => [job._id, job]))
    checkSlots(current, await slots.find().toArray(), now)
    checkKeys(current)
    checkOverruns(current)
    for (const job of current) checkJob(job)
    for (const [id, job] of seen) if (!byId.has(id)) checkPurged(job, now)
    for (const id of acknowledged)
      expect(seen.has(id) || gone.has(id) || byId.has(id), `job ${id} was acknowledged`).toBe(true)
    const written = await receipts.find().toArray()
    checkReceipts(written, byId, now)
    checkArgs(current, written)
    for (const job of current) seen.set(job._id, job)
  }

  const checkJob = (job: JobDocument) => {
    const before = seen.get(job._id)
    expect(gone, `purged job ${job._id} is back`).not.toContain(job._id)
    expect(job.attempt, 'attempts').toBeLessThanOrEqual(job.maxAttempts)
    expect(job.state === 'running', 'a claim while it runs, and only then').toBe(job.claim !== undefined)
    if (before && isFinal(before.state) && !retried.has(job._id)) {
      expect(job.state, `the final state of job ${job._id}`).toBe(before.state)
    }
  }

  const checkPurged = (job: JobDocument, now: Date) => {
    seen.delete(job._id)
    gone.add(job._id)
    for (const id of ledger.keys()) if (id.startsWith(`${job._id}:`)) ledger.delete(id)
    // an atomic request that was never acknowledged may be undone
    if (!acknowledged.has(job._id) && job.atomicRequest !== undefined) return
    expect(job.expireAt && job.expireAt <= now, `job ${job._id} of ${job.worker} is gone, last seen ${job.state}`).toBe(
      true,
    )
  }

  const checkReceipts = (current: AttemptResultDocument[], byId: Map<string, JobDocument>, now: Date) => {
    const present = new Map(current.map((receipt) => [receipt._id, receipt]))
    for (const [id, receipt] of ledger) {
      // a purge takes them first, and may die then
      const expired = byId.get(jobOf(id))?.expireAt
      if (!present.has(id) && expired && expired <= now) ledger.delete(id)
      else expect(present.get(id), `receipt ${id}`).toEqual(receipt)
    }
    const attempts = new Set<string>()
    for (const receipt of current) {
      // that a run snoozed, or was given back, stands there for a while
      if (receipt.status === 'snoozed' || receipt.status === 'requeued') continue
      const [jobId = '', claim] = receipt._id.split(':')
      const job = byId.get(jobId)
      if (!job) continue
      ledger.set(receipt._id, receipt)
      if (job.cancelledAttempts?.some((attempt) => attempt.claim === claim)) continue
      const attempt = `${jobId} ${receipt.attempt}`
      expect(attempts, 'attempts with a receipt').not.toContain(attempt)
      attempts.add(attempt)
      if (receipt.status === 'success' && !retried.has(jobId)) functions.done.add(jobId)
    }
    for (const [id, result] of accepted) {
      const receipt = present.get(id)
      if (ledger.has(id)) {
        expect(receipt && 'result' in receipt && receipt.result, `the receipt that was acknowledged: ${id}`).toBe(
          result,
        )
      }
    }
  }

  return {
    jobs,
    check,
    acknowledged,
    accepted,
    retried,
    /**
     * Occurrences up to `until` that should have had a job, by their schedule's policy for missed ones, and had none.
     */
    async missingOccurrences(until: Date, schedulesOf: (schedule: ScheduleDocument) => boolean): Promise<string[]> {
      const missing: string[] = []
      for (const schedule of await schedules.find().toArray()) {
        if (!schedulesOf(schedule) || schedule.overlap === 'skip') continue
        const occurrences = occurrencesUntil(occurrencesOf(schedule), start, until, Number.POSITIVE_INFINITY)
        for (const at of schedule.missed === 'all' ? occurrences : occurrences.slice(-1)) {
          const id = occurrenceId(schedule._id, at)
          if (!seen.has(id) && !gone.has(id)) missing.push(`${schedule._id} ${at.toISOString()}`)
        }
      }
      return missing
    },
  }

  /** What a job shows is what its function got: in the attempt that runs, and in the one that it ended by. */
  function checkArgs(current: JobDocument[], written: AttemptResultDocument[]) {
    const got = new Map(functions.attempts.map(({ id, claim, args }) => [receiptId(id, claim), args]))
    const last = new Map<string, AttemptResultDocument>()
    for (const receipt of written.toSorted((a, b) => a.attempt - b.attempt)) {
      if (receipt.status === 'success' || receipt.status === 'failure') last.set(jobOf(receipt._id), receipt)
    }
    for (const { _id, state, claim, args, worker } of current) {
      const ends = state === 'succeeded' || state === 'failed'
      const run = state === 'running' ? receiptId(_id, claim!) : ends ? last.get(_id)?._id : undefined
      const called = run === undefined ? undefined : got.get(run)
      if (called !== undefined) expect(called, `the args that ${worker} ran with, job ${_id}`).toBe(args)
    }
  }

  function checkSlots(current: JobDocument[], documents: SlotsDocument[], now: Date) {
    const places = new Set<string>()
    for (const { _id, users } of documents) {
      const counting = users.filter(({ until }) => until > now)
      for (const { job, claim } of counting) places.add(receiptId(job, claim))
      expect(counting.length, `runs that use slots of ${_id}`).toBeLessThanOrEqual(limits[_id.split('\n')[0]!]!)
    }
    for (const { _id, state, worker, claim, deadline } of current) {
      if (state !== 'running' || limits[worker] === undefined || deadline! <= now) continue
      // one whose function has answered may still have to be moved
      if (functions.attempts.some((attempt) => attempt.id === _id && !attempt.works)) continue
      expect(places, `places of the runs; job ${_id} of ${worker} runs`).toContain(receiptId(_id, claim!))
    }
  }

  function checkKeys(current: JobDocument[]) {
    const owners = new Set<string>()
    const lastMade = new Map<string, JobDocument>()
    for (const job of current.toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime())) {
      if (job.key === undefined) continue
      const key = `${job.worker} ${job.key}`
      if ((job.worker === 'once' || job.worker === 'replaced') && !isFinal(job.state)) {
        expect(owners, 'keys with a job that is not final').not.toContain(key)
        owners.add(key)
      }
      // one that was halted on its way into the database was made at a time that is long past
      if (job.worker !== 'onceFor' || stalls) continue
      const before = lastMade.get(key)
      if (before && before.state !== 'cancelled' && !retried.has(before._id)) {
        expect(
          job.createdAt.getTime() - before.createdAt.getTime(),
          `time between jobs of ${key}`,
        ).toBeGreaterThanOrEqual(30_000)
      }
      lastMade.set(key, job)
    }
  }

  function checkOverruns(current: JobDocument[]) {
    const running = new Set<string>()
    for (const { worker, scheduleId, state, _id } of current) {
      if ((worker !== 'queued' && worker !== 'skipped') || isFinal(state) || retried.has(_id)) continue
      expect(running, 'schedules with a job that is not final').not.toContain(scheduleId)
      running.add(scheduleId!)
    }
  }
}
