/**
 * A model of everything at once, on the real engine: workers with throttles, slots, unique keys and schedules; two
 * coordinators that may die between any two writes, and of which one may sleep between requests and ticks; functions
 * that answer, fail, fall silent, post twice and too late; operators that cancel and retry; a clock that jumps. Steps
 * are taken several at a time, and their questions to the database take turns at random.
 *
 * After every few steps the database must be as promised (model/invariants), each start of a function is checked as it
 * happens (model/functions), and once everything is let go each job must come to its end.
 *
 * A failure prints the seed and the shrunken steps. ERRAND_MODEL_SEED takes them up again, ERRAND_TEST_EFFORT tells more
 * stories.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFinal } from '../../core/states.js'
import { retryJob, cancelJob } from '../../server/operations/jobActions.js'
import { onTimeMs } from '../../core/time/dueOccurrences.js'
import { reconcileSchedules } from '../../server/schedules/define.js'
import { receiptId } from '../../server/store/documents.js'
import type { PauseTarget } from '../../core/requests/pauses.js'
import type { Deps, Answer } from '../../server/deps.js'
import { listPauses, pause, resume, sweepPaused } from '../../server/flowControl/pause.js'
import { sweepBlocked } from '../../server/flowControl/slots.js'
import { sweepAtomicRequests } from '../../server/jobs/atomic.js'
import { manualClock } from '../support/clock.js'
import { mortalCoordinator, quiet, type Mortal, type Weather } from './model/coordinators.js'
import { playFunctions, type Started } from './model/functions.js'
import { watchInvariants } from './model/invariants.js'
import { asked } from './model/workers.js'
import { runs } from '../support/effort.js'

const { ERRAND_MODEL_SEED: seed = String(Date.now() % 1_000_000_000) } = process.env
const stories = runs(3)

const on = fc.nat(1)
const which = fc.nat(1_000)
const key = fc.constantFrom('a', 'b')
const delay = fc.constantFrom(undefined, undefined, '0s', '3s', '20s')
const target = fc.constantFrom<PauseTarget>({ all: true }, { worker: 'limited' }, { worker: 'paced', key: 'a' })
const answer = fc.constantFrom<Answer>(
  { kind: 'receipt', receipt: { status: 'success', result: null } },
  { kind: 'receipt', receipt: { status: 'success', result: null } },
  { kind: 'receipt', receipt: { status: 'failure', error: { name: 'Error', message: 'no' } } },
  { kind: 'receipt', receipt: { status: 'failure', error: { name: 'Error', message: 'no' }, fatal: true } },
  { kind: 'receipt', receipt: { status: 'failure', error: { name: 'Error', message: 'later' }, retryAfter: '7s' } },
  { kind: 'failed', code: 'HTTP_500', message: 'no' },
  { kind: 'receipt', receipt: { status: 'snoozed', delay: '5s' } },
  { kind: 'accepted' },
)

const step = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pause' as const), on, target }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('resume' as const), on, target }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('enqueue' as const), on, worker: fc.constantFrom(...asked), key, delay }),
  },
  // of a job that is about to be claimed, as likely as not
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('replace' as const), on, key }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('atomic' as const),
      on,
      workers: fc.array(fc.constantFrom(...asked), { minLength: 2, maxLength: 4 }),
      key,
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('answer' as const), which, answer }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('post' as const),
      on,
      which,
      success: fc.boolean(),
      late: fc.constantFrom(false, false, true),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('heartbeat' as const), on, which }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('claim' as const), on }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('tick' as const), on }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('tend' as const),
      on,
      loop: fc.constantFrom('stage', 'reap', 'recur', 'purge', 'sweep'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), on, which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('retry' as const), on, which }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('crash' as const), on, nth: fc.nat(12), asked: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('shutdown' as const), on }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('time' as const),
      ms: fc.constantFrom(500, 2_000, 5_000, 11_000, 30_000, 61_000, 200_000),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

const story = fc.record({
  /** Whether the clock may jump while coordinators are at work, which halts them. */
  stalls: fc.boolean(),
  /** Whether the second coordinator does not stay on. */
  sleeps: fc.boolean(),
  turns: fc.integer(),
  steps: fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 20, maxLength: 80, size: 'max' }),
})

describe('everything at once', () => {
  it(
    'keeps every promise, whatever happens in between',
    async () => {
      expect.hasAssertions()
      for (let run = 0; run < stories; run++) {
        // one story for each seed; the time limit is for shrinking one that failed
        const options = { seed: Number(seed) + run, numRuns: 1, interruptAfterTimeLimit: 100_000 }
        await fc.assert(fc.asyncProperty(story, play), options)
      }
    },
    150_000 + stories * 30_000,
  )
})

interface Story {
  stalls: boolean
  sleeps: boolean
  turns: number
  steps: Step[][]
}

async function play({ stalls, sleeps, turns, steps }: Story): Promise<void> {
  const weather: Weather = { random: randomFrom(turns), pending: 0, log: [] }
  const clock = manualClock()
  const start = clock.now()
  const functions = playFunctions(clock, { stalls, log: weather.log })
  const first = await mortalCoordinator(functions, weather, { clock })
  const others: Mortal[] = []
  const another = async (index: number) => {
    const stayOn = !sleeps || index === 0
    const mortal = await mortalCoordinator(functions, weather, { beside: first.errand, stayOn })
    others.push(mortal)
    return mortal
  }
  try {
    await reconcileSchedules(first.errand.coordinator.deps)
    const invariants = watchInvariants(first.errand.database.db, functions, { start, stalls })
    const both = [first, await another(1)]
    const model = { clock, functions, invariants, both, weather, stalls, recurredAt: start, count: 0 }
    for (const chunk of steps) {
      await Promise.all(chunk.map((each) => take(model, each)))
      await quiet(weather)
      for (const [index, mortal] of both.entries()) if (mortal.dead) both[index] = await another(index)
      await invariants.check(clock.now())
      expect(await invariants.missingOccurrences(model.recurredAt, ({ overlap }) => overlap !== 'queue')).toEqual([])
      expect(functions.broken.join('\n')).toBe('')
    }
    await letGo(model)
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${weather.log.slice(-80).join('\n')}`, { cause: error })
  } finally {
    await Promise.all(others.map((mortal) => mortal.dispose()))
    await first.dispose()
  }
}

interface Model {
  clock: ReturnType<typeof manualClock>
  functions: ReturnType<typeof playFunctions>
  invariants: ReturnType<typeof watchInvariants>
  both: Mortal[]
  weather: Weather
  stalls: boolean
  /** What was due then has been seen to. */
  recurredAt: Date
  /** Of the jobs that were asked for. */
  count: number
}

/** What a dying coordinator was asked for has no outcome. */
async function take(model: Model, each: Step): Promise<void> {
  const { both } = model
  const mortal = 'on' in each ? both[each.on]! : both[0]!
  try {
    await takeStep(model, each, mortal)
  } catch (error) {
    if (!mortal.dead) throw error
  } finally {
    model.weather.log.push(`${model.clock.now().toISOString()} ${JSON.stringify(each)}${mortal.dead ? ' †' : ''}`)
  }
}

async function takeStep(model: Model, each: Step, mortal: Mortal): Promise<void> {
  const { clock, functions, invariants, weather, stalls } = model
  const { errand } = mortal
  const { deps } = errand.coordinator
  switch (each.kind) {
    case 'enqueue': {
      const { worker, key, delay } = each
      return enqueue(model, mortal, { worker, args: { key, n: model.count++ }, ...(delay ? { delay } : {}) })
    }
    case 'replace':
      return enqueue(model, mortal, { worker: 'replaced', args: { key: each.key, n: model.count++ } })
    case 'atomic': {
      const jobs = each.workers.map((worker) => ({ worker, args: { key: each.key, n: model.count++ } }))
      const { status, body } = await errand.post('/jobs', { jobs, atomic: true })
      if (status < 300) for (const { id } of body.outcomes) invariants.acknowledged.add(id)
      return
    }
    case 'answer': {
      const open = functions.calls.filter(({ isOpen }) => isOpen)
      const call = open[each.which % Math.max(1, open.length)]
      if (!call) return
      const one = each.answer
      const receipt = one.kind === 'receipt' ? one.receipt : undefined
      call.answer(receipt && call.jobs.length > 1 ? { kind: 'receipts', receipts: call.jobs.map(() => receipt) } : one)
      return
    }
    case 'post':
      return post(model, mortal, each)
    case 'heartbeat': {
      const attempt = functions.attempts[each.which % Math.max(1, functions.attempts.length)]
      if (!attempt) return
      const { status, body } = await errand.post(pathOf(attempt).replace('/receipt', '/heartbeat'), {})
      if (status === 200) attempt.deadlineMs = Date.parse(body.deadline)
      return
    }
    case 'claim':
      return errand.claim()
    case 'tick': {
      const { clock } = model
      const now = clock.now()
      // it may wait for the clock, so nobody waits for it
      void errand.coordinator.runOnce().then(
        () => recurred(model, now),
        (error: Error) => mortal.dead || functions.broken.push(`a tick failed: ${error.message}`),
      )
      return
    }
    case 'tend':
      return tend(model, mortal, each.loop)
    case 'cancel': {
      const id = anyJob(model, each.which)
      if (id === undefined) return
      functions.letGo(id)
      await ignoring(['WRONG_STATE', 'UNKNOWN_JOB'], cancelJob(deps, id))
      return
    }
    case 'retry': {
      const id = anyJob(model, each.which)
      if (id === undefined) return
      invariants.retried.add(id)
      functions.done.delete(id)
      await ignoring(['WRONG_STATE', 'UNKNOWN_JOB', 'KEY_TAKEN'], retryJob(deps, id))
      return
    }
    case 'pause':
      await pause(deps, each.target, 'the model')
      return
    case 'resume':
      await ignoring(['UNKNOWN_PAUSE'], resume(deps, each.target))
      return
    case 'crash':
      mortal.dieAt(each.nth, each.asked)
      return
    case 'shutdown': {
      const stopped = errand.coordinator.stop({ graceMs: 0 })
      for (const call of mortal.calls) for (const job of call.jobs) job.counts = false
      await stopped
      mortal.dead = true
      return
    }
    case 'time':
      if (!stalls) await quiet(weather)
      await clock.advance(`${stalls ? Math.min(each.ms, 30_000) : each.ms}ms`)
      return
  }
}

async function enqueue(
  { invariants }: Model,
  mortal: Mortal,
  request: { worker: string; args: object; delay?: string },
): Promise<void> {
  const { status, body } = await mortal.errand.post('/job', request)
  if (status === 200 || status === 201) invariants.acknowledged.add(body.id)
  else if (!mortal.dead) expect({ ...request, status }).toEqual({ ...request, status: 409 })
}

async function tend(model: Model, { errand }: Mortal, loop: string): Promise<void> {
  const { deps } = errand.coordinator
  const now = model.clock.now()
  if (loop === 'stage') await errand.stage()
  if (loop === 'reap') await errand.reap()
  if (loop === 'purge') await errand.purge()
  if (loop === 'sweep') await sweep(deps)
  if (loop !== 'recur') return
  await errand.recur()
  recurred(model, now)
}

/**
 * One that was halted for a minute between its look and its writes was away: what was due when it looked may be missed
 * by then, as the policies say.
 */
function recurred(model: Model, lookedAt: Date): void {
  if (model.clock.now().getTime() - lookedAt.getTime() >= onTimeMs) return
  if (lookedAt > model.recurredAt) model.recurredAt = lookedAt
}

const sweep = (deps: Deps) => Promise.all([sweepBlocked(deps), sweepAtomicRequests(deps), sweepPaused(deps)])

/** As a function does that answered with 202, or one that did not hear that its time is over. */
async function post(
  { functions, invariants, clock }: Model,
  { errand }: Mortal,
  { which, late, success }: { which: number; late: boolean; success: boolean },
): Promise<void> {
  const attempts = functions.attempts.filter(({ counts }) => counts || late)
  const attempt = attempts[which % Math.max(1, attempts.length)]
  if (!attempt) return
  attempt.counts = false
  attempt.works = false
  const result = `${functions.attempts.indexOf(attempt)} ${clock.now().getTime()}`
  const error = { name: 'Error', message: 'no' }
  const { status, body } = await errand.post(
    pathOf(attempt),
    success ? { status: 'success', result } : { status: 'failure', error },
  )
  if (status !== 200 || body.duplicate || !success) return
  const token = new URL(attempt.receipt).searchParams.get('token')!
  const claim = errand.coordinator.deps.signer.readReceiptToken(attempt.id, token)!
  invariants.accepted.set(receiptId(attempt.id, claim), JSON.stringify(result))
}

const pathOf = ({ receipt }: Started): string => receipt.slice('http://coordinator.test'.length)

const anyJob = ({ invariants }: Model, which: number): string | undefined => {
  const ids = [...invariants.acknowledged]
  return ids[which % Math.max(1, ids.length)]
}

async function ignoring(codes: string[], work: Promise<unknown>): Promise<void> {
  await work.catch((error: { code?: string }) => {
    if (!codes.includes(error.code ?? '')) throw error
  })
}

/**
 * Nobody dies any more, functions succeed, and the loops go round: then every job ends, and every occurrence has its
 * job.
 */
async function letGo(model: Model): Promise<void> {
  const { clock, functions, invariants, both, weather } = model
  const until = clock.now()
  for (const [index, mortal] of both.entries()) {
    mortal.dieAt(Number.POSITIVE_INFINITY, false)
    expect(index).toBeLessThan(2)
  }
  const { deps } = both[0]!.errand.coordinator
  for (const { scope, ...target } of await listPauses(deps, { seesArgs: true, seesResults: true })) {
    const { worker, key } = target
    await resume(deps, scope === 'all' ? { all: true } : { worker, key })
  }
  const unfinished = async (recurring: boolean) => {
    const jobs = await invariants.jobs
      .find({}, { projection: { state: 1, worker: 1, scheduleId: 1, held: 1, runAt: 1 } })
      .toArray()
    return jobs.filter(({ state, scheduleId }) => !isFinal(state) && !(recurring && scheduleId !== undefined))
  }
  const round = async (recurring: boolean) => {
    for (const { errand } of both) {
      const { deps } = errand.coordinator
      await Promise.all([errand.stage(), errand.reap(), sweep(deps)])
      if (recurring) await errand.recur()
      await errand.claim()
    }
    await quiet(weather)
    for (const call of functions.calls) {
      if (!call.isOpen) continue
      const receipt = { status: 'success', result: null } as const
      call.answer(
        call.jobs.length > 1
          ? { kind: 'receipts', receipts: call.jobs.map(() => receipt) }
          : { kind: 'receipt', receipt },
      )
    }
    await quiet(weather)
    await invariants.check(clock.now())
    expect(functions.broken.join('\n')).toBe('')
    await clock.advance('4s')
  }
  // first as it always is; then without schedules, so that their jobs may end as well
  for (const recurring of [true, false]) {
    const isOver = async () =>
      (await unfinished(recurring)).length + (await invariants.missingOccurrences(until, () => true)).length === 0
    let rounds = 0
    do await round(recurring)
    while (++rounds < 60 && !(await isOver()))
    expect(await unfinished(recurring), 'jobs that could run and do not').toEqual([])
    expect(await invariants.missingOccurrences(until, () => true)).toEqual([])
  }
}

/** Mulberry32: the same turns for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
