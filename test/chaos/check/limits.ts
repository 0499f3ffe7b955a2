/** Limits and rates, as the functions saw them. */
import { limits, rates, slotGraceMs } from '../terms.js'
import { groupBy, type Evidence, type Run } from './evidence.js'
import { receiptsOf } from './jobs.js'
import type { Zero } from './zero.js'

export const limitsExceeded: Zero = {
  name: 'limits exceeded',
  counted:
    'Of the runs of one key no more than its limit overlap. A run counts from its start until its function has answered, also where its job has moved on; where it does not answer, until the deadline that it was told and five seconds, or until its process is gone.',
  check({ runs }) {
    const limited = runs.filter(({ worker }) => limits[worker] !== undefined)
    const byKey = groupBy(limited, ({ worker, args }) => `${worker} ${String(args['key'])}`)
    return {
      of: limited.length,
      broken: [...byKey].flatMap(([key, ofKey]) => tooMany(key, ofKey, limits[ofKey[0]!.worker]!.limit)),
    }
  },
}

/** At its deadline the runtime answers for a run that is not done. */
function countsUntil({ endedAt, stopped, deadline, diedAt }: Run): number {
  const ends = [endedAt, stopped?.code === 'TIMEOUT' ? stopped.at : undefined, diedAt, deadline + slotGraceMs]
  return Math.min(...ends.filter((end) => end !== undefined))
}

function tooMany(key: string, runs: readonly Run[], limit: number): string[] {
  const broken: string[] = []
  let running: Run[] = []
  for (const run of runs.toSorted((a, b) => a.startedAt - b.startedAt)) {
    running = running.filter((other) => countsUntil(other) > run.startedAt)
    running.push(run)
    if (running.length <= limit) continue
    const who = running.map(
      (each) =>
        `${each.job} attempt ${each.attempt} (${each.host}, since ${run.startedAt - each.startedAt} ms, counts for ${countsUntil(each) - run.startedAt} ms more${each.stopped ? `, told to stop ${run.startedAt - each.stopped.at} ms ago` : ''})`,
    )
    broken.push(`${key} ran ${running.length} at once at ${new Date(run.startedAt).toISOString()}: ${who.join('; ')}`)
  }
  return broken
}

/** By how much the moments may be off that a start is known by: clocks are set through lines that are slow at times. */
const rateSlackMs = 250

export const ratesExceeded: Zero = {
  name: 'throttle rates exceeded',
  counted:
    'A token is taken somewhere between an attempt’s claim and its start in the function. In no span of time lie more such spans as a whole than the burst and what the rate allows in it, give or take a quarter of a second.',
  check(evidence) {
    const paced = evidence.runs.filter(({ worker }) => rates[worker] !== undefined)
    const byKey = groupBy(paced, ({ worker, args }) => `${worker} ${String(args['key'])}`)
    const broken = [...byKey].flatMap(([key, runs]) => tooFast(evidence, key, runs))
    return { of: paced.length, broken }
  },
}

function tooFast(evidence: Evidence, key: string, runs: readonly Run[]): string[] {
  const { intervalMs, burst } = rates[runs[0]!.worker]!
  const stalls = stallsOf(evidence)
  const spans = runs
    .map((run) => ({
      from: Math.min(claimedAtOf(evidence, run, stalls), run.startedAt) - rateSlackMs,
      to: run.startedAt + rateSlackMs,
    }))
    .toSorted((a, b) => a.to - b.to)
  for (const { from } of spans) {
    let count = 0
    for (const span of spans) {
      if (span.from < from) continue
      count++
      const allowed = burst + (span.to - from) / intervalMs
      if (count > allowed + 1e-6) {
        const at = new Date(from).toISOString()
        return [`${key} started ${count} within ${span.to - from} ms at ${at}, which allow ${Math.floor(allowed)}`]
      }
    }
  }
  return []
}

const stallsOf = ({ records }: Evidence): { since: number; at: number }[] =>
  records.flatMap((record) => (record.kind === 'faultOver' ? [{ since: record.since, at: record.at }] : []))

/**
 * A stall before the claim was written may have held the token as well; so the earliest fault that was under way
 * counts.
 */
function claimedAtOf(evidence: Evidence, run: Run, stalls: ReturnType<typeof stallsOf>): number {
  const job = evidence.jobs.get(run.job)
  const receipt = job && receiptsOf(evidence, job).find(({ attempt }) => attempt === run.attempt)
  const claimedAt = receipt?.startedAt.getTime() ?? run.startedAt - slotGraceMs
  const under = stalls.filter(({ since, at }) => since <= claimedAt && at >= claimedAt - rateSlackMs)
  return Math.min(claimedAt, ...under.map(({ since }) => since))
}
