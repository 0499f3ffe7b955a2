/**
 * Asks the throttles of a batch of claimed jobs who may start now. One read and one write serve all keys of the batch; a key that another
 * coordinator wrote in between is asked again. The arithmetic is core/throttle.
 */
import { askThrottle, newThrottle, type ThrottleAnswer } from '../core/throttle.js'
import type { Contract } from '../core/contract.js'
import type { Deps } from './deps.js'
import type { ClaimedJob, ThrottleDocument } from './store/documents.js'

export interface ThrottleVerdict {
  start: ClaimedJob[]
  later: { job: ClaimedJob; runAt: Date }[]
}

type Rule = NonNullable<Contract['throttle']>
interface KeyedJobs {
  id: string
  rule: Rule
  /** Those who were sent away before come first, so that tokens go to them first. */
  waiting: ClaimedJob[]
  newcomers: ClaimedJob[]
}

export async function passThrottles(deps: Deps, jobs: ClaimedJob[]): Promise<ThrottleVerdict> {
  const verdict: ThrottleVerdict = { start: [], later: [] }
  let asking = groupByKey(deps, jobs, verdict.start)
  while (asking.length > 0) {
    const refused = await askOnce(deps, asking, verdict)
    asking = refused
  }
  return verdict
}

/** Jobs without a throttle go straight to `start`. */
function groupByKey(deps: Deps, jobs: ClaimedJob[], start: ClaimedJob[]): KeyedJobs[] {
  const groups = new Map<string, KeyedJobs>()
  for (const job of jobs) {
    const rule = deps.contracts.loaded(job.worker)?.throttle
    if (!rule) {
      start.push(job)
      continue
    }
    const id = `${job.worker}\n${job.throttleKey ?? ''}`
    const group = groups.get(id) ?? { id, rule, waiting: [], newcomers: [] }
    groups.set(id, group)
    ;(job.throttled ? group.waiting : group.newcomers).push(job)
  }
  return [...groups.values()]
}

/** Answers with the keys that somebody else wrote in between. */
async function askOnce(deps: Deps, asking: KeyedJobs[], verdict: ThrottleVerdict): Promise<KeyedJobs[]> {
  const documents = await deps.store.throttles.findMany(asking.map(({ id }) => id))
  const now = deps.clock.now().getTime()
  const answers = asking.map((keyed) => ({ keyed, answer: answerFor(keyed, documents.get(keyed.id), now) }))
  const written = await deps.store.throttles.writeMany(
    answers.map(({ keyed, answer }) => ({
      id: keyed.id,
      from: documents.get(keyed.id)?.version,
      ...answer.state,
      // a throttle whose bucket is full and whose line is empty is the same as none
      expireAt: new Date(Math.max(answer.state.tat, answer.state.line) + keyed.rule.intervalMs + graceMs),
    })),
    deps.newClaim(),
  )
  for (const { keyed, answer } of answers) if (written.has(keyed.id)) settle(keyed, answer, verdict)
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
  verdict: ThrottleVerdict,
): void {
  verdict.start.push(...waiting.slice(0, granted.waiting), ...newcomers.slice(0, granted.newcomers))
  const sentAway = [...waiting.slice(granted.waiting), ...newcomers.slice(granted.newcomers)]
  // rounded up: a moment in the middle of a millisecond would be asked for too early
  verdict.later.push(...sentAway.map((job, index) => ({ job, runAt: new Date(Math.ceil(comeBackAt[index]!)) })))
}
