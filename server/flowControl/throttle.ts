/**
 * Asks the throttles of claimed jobs, and the retry budgets, which are throttles too, which jobs may start now. One
 * read and one write serve all keys of the jobs; a key that another coordinator wrote in between is asked again. The
 * arithmetic is core/job/throttle.
 */
import { askThrottle, newThrottle, type ThrottleAnswer, type ThrottleRule } from '../../core/job/throttle.js'
import type { Contract } from '../../core/job/contract.js'
import type { Deps } from '../deps.js'
import { repeat } from '../repeatedWrite.js'
import type { ClaimedJob, ThrottleDocument } from '../store/documents.js'

export interface ThrottleVerdict {
  start: ClaimedJob[]
  /** `by` is the job's field that says who sent it away. */
  later: { job: ClaimedJob; runAt: Date; by: 'throttled' | 'overBudget' }[]
}

/** A throttle or a retry budget. */
interface Gate {
  by: 'throttled' | 'overBudget'
  /** The rule for a job, where it has to pass. */
  ruleOf: (contract: Contract, job: ClaimedJob) => ThrottleRule | undefined
  /** Jobs of the same id share a rate. */
  idOf: (job: ClaimedJob) => string
}

const retryBudget: Gate = {
  by: 'overBudget',
  // the throttle sends away those only that have passed the budget
  ruleOf: (contract, { attempt, throttled }) => (attempt > 1 && !throttled ? contract.retryBudget : undefined),
  // no worker's name has a colon
  idOf: ({ worker }) => `retries:${worker}`,
}

const throttle: Gate = {
  by: 'throttled',
  ruleOf: (contract) => contract.throttle,
  idOf: ({ worker, throttleKey }) => `${worker}\n${throttleKey ?? ''}`,
}

interface KeyedJobs {
  id: string
  rule: ThrottleRule
  /** Those who were sent away before come first, so that tokens go to them first. */
  waiting: ClaimedJob[]
  newcomers: ClaimedJob[]
}

/** The budget first: a retry that must wait takes nothing of what its key may start. */
export async function passThrottles(deps: Deps, jobs: ClaimedJob[]): Promise<ThrottleVerdict> {
  const retries = await pass(deps, retryBudget, jobs)
  const { start, later } = await pass(deps, throttle, retries.start)
  return { start, later: [...retries.later, ...later] }
}

async function pass(deps: Deps, gate: Gate, jobs: ClaimedJob[]): Promise<ThrottleVerdict> {
  const verdict: ThrottleVerdict = { start: [], later: [] }
  let asking = groupByKey(deps, gate, jobs, verdict.start)
  while (asking.length > 0) asking = await askOnce(deps, gate, asking, verdict)
  return verdict
}

/** Jobs that need not pass go straight to `start`. */
function groupByKey(deps: Deps, { ruleOf, idOf, by }: Gate, jobs: ClaimedJob[], start: ClaimedJob[]): KeyedJobs[] {
  const groups = new Map<string, KeyedJobs>()
  for (const job of jobs) {
    const contract = deps.contracts.loaded(job.worker)
    const rule = contract && ruleOf(contract, job)
    if (!rule) {
      start.push(job)
      continue
    }
    const id = idOf(job)
    const group = groups.get(id) ?? { id, rule, waiting: [], newcomers: [] }
    groups.set(id, group)
    ;(job[by] ? group.waiting : group.newcomers).push(job)
  }
  return [...groups.values()]
}

/** Answers with the keys that another coordinator wrote in between. */
async function askOnce(deps: Deps, { by }: Gate, asking: KeyedJobs[], verdict: ThrottleVerdict): Promise<KeyedJobs[]> {
  const documents = await deps.store.throttles.findMany(asking.map(({ id }) => id))
  const now = deps.clock.now().getTime()
  const answers = asking.map((keyed) => ({ keyed, answer: answerFor(keyed, documents.get(keyed.id), now) }))
  const writes = answers.map(({ keyed, answer }) => ({
    id: keyed.id,
    from: documents.get(keyed.id)?.version,
    ...answer.state,
    // a throttle whose bucket is full and whose line is empty is the same as none
    expireAt: new Date(Math.max(answer.state.tat, answer.state.line) + keyed.rule.intervalMs + graceMs),
  }))
  const version = deps.newClaim()
  // tokens that were taken are known by the version, also where an answer was lost
  const written = await repeat(deps, () => deps.store.throttles.writeMany(writes, version))
  for (const { keyed, answer } of answers) if (written.has(keyed.id)) settle(keyed, answer, by, verdict)
  return asking.filter(({ id }) => !written.has(id))
}

const graceMs = 60_000

const answerFor = (keyed: KeyedJobs, document: ThrottleDocument | undefined, now: number): ThrottleAnswer =>
  askThrottle(keyed.rule, document ?? newThrottle, now, {
    waiting: keyed.waiting.length,
    newcomers: keyed.newcomers.length,
  })

function settle(
  { waiting, newcomers }: KeyedJobs,
  { granted, comeBackAt }: ThrottleAnswer,
  by: Gate['by'],
  verdict: ThrottleVerdict,
): void {
  verdict.start.push(...waiting.slice(0, granted.waiting), ...newcomers.slice(0, granted.newcomers))
  const sentAway = [...waiting.slice(granted.waiting), ...newcomers.slice(granted.newcomers)]
  // rounded up: a moment in the middle of a millisecond would be asked for too early
  verdict.later.push(...sentAway.map((job, index) => ({ job, runAt: new Date(Math.ceil(comeBackAt[index]!)), by })))
}
