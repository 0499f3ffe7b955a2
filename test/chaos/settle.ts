/**
 * The end of a run: nothing is done to the house any more, operators undo what they did, and everything has so long to
 * become final. What is left then is stuck.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { House } from './house/house.js'
import type { Caller } from './load/caller.js'
import type { Collections } from '../../server/store/layout.js'
import { withDatabase } from './watch.js'

/** How long a coordinator may take to be ready again once nothing is done to it any more. */
const readyLimitMs = 15_000

export interface Settled {
  /** Coordinators that were not ready in time. */
  unready: string[]
  /** Jobs, groups and atomic requests that were not final in time. */
  stuck: string[]
  /** From the end of the faults until nothing was left, or the limit. */
  tookMs: number
}

/** Schedules that are paused once the work of the run is over, so that there is an end of it. */
const firing = ['code:every', 'code:cron', 'code:skipped', 'made', 'handled']
/** A paused one makes no jobs of the occurrences that wait either; so it is paused when none does. */
const queueing = 'code:queued'

export async function settle(house: House, operator: Caller, limitMs: number): Promise<Settled> {
  const since = Date.now()
  const until = since + limitMs
  for (const { coordinator, host, lines } of house.wings) {
    for (const service of [coordinator, host]) {
      service.resume()
      service.start()
    }
    for (const line of Object.values(lines)) await line.heal()
  }
  const unready = await whoIsNotReady(house)
  await resumeAll(operator, until)
  // schedules go on for a moment, so that what was late is made before they are paused
  await sleep(10_000)
  for (const id of firing) await insist(until, () => pauseSchedule(operator, id))
  let stuck: string[]
  do {
    await pauseQueue(house, operator)
    await releaseWaitingGroups(house, operator, until)
    await sleep(1_000)
    stuck = await withDatabase(house, whatIsLeft)
  } while (stuck.length > 0 && Date.now() < until)
  return { unready, stuck, tookMs: Date.now() - since }
}

async function whoIsNotReady(house: House): Promise<string[]> {
  const late = await Promise.all(
    house.wings.map(async ({ coordinator, url }) => {
      const until = Date.now() + readyLimitMs
      while (Date.now() < until) {
        const ok = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
          (response) => response.ok,
          () => false,
        )
        if (ok) return []
        await sleep(200)
      }
      return [coordinator.name]
    }),
  )
  return late.flat()
}

/** Nobody has to be patient with a coordinator to which nothing is done. */
const answerMs = 5_000

async function insist(until: number, act: () => Promise<boolean>): Promise<void> {
  while (!(await act()) && Date.now() < until) await sleep(500)
}

async function pauseSchedule(operator: Caller, id: string): Promise<boolean> {
  const askedAt = Date.now()
  const { outcome } = await operator.call('POST', `/schedules/${id}/pause`, undefined, { timeoutMs: answerMs })
  operator.note({ kind: 'schedule', id, outcome, paused: true, askedAt })
  return outcome !== 'unknown'
}

async function pauseQueue(house: House, operator: Caller): Promise<void> {
  const schedule = await withDatabase(house, ({ schedules }) => schedules.findOne({ _id: queueing }))
  const waits = (schedule?.waiting ?? []).length > 0
  if (schedule?.pausedAt === undefined && !waits) await pauseSchedule(operator, queueing)
  // an occurrence came in that very moment
  if (schedule?.pausedAt !== undefined && waits)
    await operator.call('POST', `/schedules/${queueing}/resume`, undefined, { timeoutMs: answerMs })
}

async function resumeAll(operator: Caller, until: number): Promise<void> {
  for (const key of [undefined, 'p', 'q']) {
    await insist(until, async () => {
      const path = `/pauses?worker=pausable${key ? `&key=${key}` : ''}`
      const resumed = await operator.call('DELETE', path, undefined, { timeoutMs: answerMs })
      return resumed.outcome !== 'unknown'
    })
  }
}

/** Groups that wait for a member that failed: it is retried, as whoever looks after them would. */
async function releaseWaitingGroups(house: House, operator: Caller, until: number): Promise<void> {
  const failed = await withDatabase(house, ({ jobs }) =>
    jobs
      .find({ state: 'failed', groupOpen: { $exists: true }, groupPolicy: 'wait' }, { projection: { _id: 1 } })
      .limit(200)
      .toArray(),
  )
  for (const { _id: id } of failed) {
    if (Date.now() >= until) return
    const askedAt = Date.now()
    const { outcome } = await operator.call('POST', `/job/${id}/retry`, {}, { timeoutMs: answerMs })
    operator.note({ kind: 'retried', id, outcome, askedAt })
  }
}

const shownOfEach = 20

async function whatIsLeft(collections: Collections): Promise<string[]> {
  const jobs = await collections.jobs
    .find({ state: { $nin: ['succeeded', 'failed', 'cancelled'] } })
    .limit(shownOfEach)
    .toArray()
  const groups = await collections.groups.find({ state: 'open' }).limit(shownOfEach).toArray()
  const schedules = await collections.schedules
    .find({ $or: [{ 'waiting.0': { $exists: true } }, { pausedAt: { $exists: false } }] })
    .toArray()
  const requests = await collections.atomicRequests.find({ state: 'writing' }).limit(shownOfEach).toArray()
  return [
    ...jobs.map(
      ({ _id, worker, state, attempt, held, runAt }) =>
        `job ${_id} of ${worker} is ${state}, attempt ${attempt}, runAt ${runAt.toISOString()}${held ? `, held by ${held}` : ''}`,
    ),
    ...groups.map(({ _id, problem }) => `group ${_id} is open${problem ? `: ${problem.code}` : ''}`),
    ...schedules.map(
      ({ _id, waiting = [] }) => `schedule ${_id} is not paused, or has occurrences that wait: ${waiting.length}`,
    ),
    ...requests.map(({ _id }) => `atomic request ${_id} is being written`),
  ]
}
