/**
 * One job that is replaced, run, reaped, retried, cancelled, paused and claimed by two coordinators, in any order; each
 * claim is halted between its read and its write, for as long as the story likes. Narrower than model.test.ts, so that
 * it comes to the bad moments in most of its stories.
 *
 * Whatever the order: a function gets the args that the job's page shows, attempts are counted one by one, none has two
 * receipts, and there are no more than allowed.
 *
 * A failure prints the seed and the shrunken steps; ERRAND_MODEL_SEED takes them up again.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ErrandError } from '../../../core/errors.js'
import { defineJob } from '../../../core/index.js'
import type { FunctionCall } from '../../../core/requests/wire.js'
import { cancelJob, retryJob } from '../../../server/operations/jobActions.js'
import { pause, resume } from '../../../server/flowControl/pause.js'
import { receiptId, type AttemptResultDocument, type JobDocument } from '../../../server/store/documents.js'
import type { Store } from '../../../server/store/index.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import type { Answer, Invoke } from '../../../server/deps.js'
import { patience, runs } from '../../support/effort.js'

const { ERRAND_MODEL_SEED: seed = String(Date.now() % 1_000_000_000) } = process.env

const args = z.object({ n: z.number() })
const base = {
  args,
  result: z.null(),
  retry: { attempts: 3, backoff: { kind: 'fixed', delay: '1s' } },
  timeout: '5s',
  unique: { key: () => 'one', onConflict: 'replace' },
  run: () => null,
} as const
const kinds = { plain: defineJob(base), limited: defineJob({ ...base, concurrency: { limit: 1 } }) }

const on = fc.nat(1)
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('read' as const), on }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('write' as const), on }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('replace' as const), on, later: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('answer' as const), success: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1_000, 6_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reap' as const), on }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('stage' as const), on }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('retry', 'cancel', 'pause', 'resume'), on }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

describe.each(['plain', 'limited'] as const)('a job of a %s worker', (worker) => {
  it('runs with the args that it shows, and each attempt has one receipt', async () => {
    expect.hasAssertions()
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }), (steps) => play(worker, steps)),
      { seed: Number(seed), numRuns: runs(10), interruptAfterTimeLimit: patience(60_000) },
    )
  })
})

interface Run {
  call: FunctionCall & { args: { n: number } }
  claim: string
  answer?: (answer: Answer) => void
}

/** A coordinator whose claims stop behind their read. */
interface Halting {
  errand: TestErrand
  /** Lets the claim that was halted longest go on. */
  goOn: () => void
  end: () => Promise<void>
}

async function play(worker: keyof typeof kinds, steps: Step[]): Promise<void> {
  const runs: Run[] = []
  const first = await halting(runs)
  const both = [first, await halting(runs, first.errand)]
  try {
    let n = 0
    for (const each of steps) {
      const { errand, goOn } = 'on' in each ? both[each.on]! : first
      await take({ errand, goOn, runs, worker, n: ++n }, each)
      await settled()
      await check(first.errand, runs)
    }
  } finally {
    for (const { end } of both.toReversed()) await end()
  }
}

async function halting(runs: Run[], beside?: TestErrand): Promise<Halting> {
  const gates: (() => void)[] = []
  let ended = false
  const invoke: Invoke = (request) =>
    new Promise((resolve) => {
      const call = JSON.parse(request.body) as Run['call']
      const token = new URL(call.receipt).searchParams.get('token')!
      const run: Run = { call, claim: errand.coordinator.deps.signer.readReceiptToken(call.id, token)! }
      run.answer = (answer) => {
        delete run.answer
        resolve(answer)
      }
      runs.push(run)
      request.onAbort(() => run.answer?.({ kind: 'aborted' }))
    })
  const errand = await testErrand(kinds, { invoke, ...(beside && { beside }) })
  const { store } = errand.coordinator.deps
  countQuestions(store)
  const { claimable } = store.jobs
  store.jobs.claimable = async (limit) => {
    const candidates = await claimable(limit)
    if (candidates.length > 0 && !ended) await new Promise<void>((resolve) => gates.push(resolve))
    return candidates
  }
  return {
    errand,
    goOn: () => gates.shift()?.(),
    async end() {
      ended = true
      for (const open of gates) open()
      for (const { answer } of runs) answer?.({ kind: 'aborted' })
      await settled()
      await errand[Symbol.asyncDispose]()
    },
  }
}

interface Turn {
  errand: TestErrand
  goOn: () => void
  runs: Run[]
  worker: keyof typeof kinds
  n: number
}

async function take({ errand, goOn, runs, worker, n }: Turn, each: Step): Promise<void> {
  const { deps } = errand.coordinator
  switch (each.kind) {
    case 'read':
      // it waits behind its read
      void errand.claim()
      return
    case 'write':
      return goOn()
    case 'replace': {
      const { status } = await errand.post('/job', { worker, args: { n }, ...(each.later ? { delay: '1s' } : {}) })
      // it runs already
      expect([200, 201, 409]).toContain(status)
      return
    }
    case 'answer': {
      const receipt = each.success
        ? ({ status: 'success', result: null } as const)
        : ({ status: 'failure', error: { name: 'Error', message: 'no' } } as const)
      return runs.find(({ answer }) => answer)?.answer?.({ kind: 'receipt', receipt })
    }
    case 'wait':
      return errand.clock.advance(`${each.ms}ms`)
    case 'reap':
      await errand.reap()
      return
    case 'stage':
      await errand.stage()
      return
    case 'pause':
      await pause(deps, { worker }, 'the model')
      return
    case 'resume':
      return refusable(resume(deps, { worker }))
    case 'retry':
    case 'cancel': {
      const newest = await jobsOf(errand).findOne({}, { sort: { _id: -1 } })
      if (newest) await refusable((each.kind === 'retry' ? retryJob : cancelJob)(deps, newest._id))
    }
  }
}

const refusable = async (work: Promise<unknown>): Promise<void> => {
  await work.catch((error: unknown) => {
    if (!(error instanceof ErrandError)) throw error
  })
}

const jobsOf = ({ database }: TestErrand) => database.db.collection<JobDocument>('errand_jobs')

async function check(errand: TestErrand, runs: readonly Run[]): Promise<void> {
  const receipts = await errand.database.db.collection<AttemptResultDocument>('errand_receipts').find().toArray()
  const runOf = new Map(runs.map((run) => [receiptId(run.call.id, run.claim), run]))
  expect(doubles(runs.map(({ call }) => `${call.id} attempt ${call.attempt}`)), 'attempts that ran twice').toEqual([])
  for (const { call } of runs) expect(call.attempt, 'attempts').toBeLessThanOrEqual(call.maxAttempts)
  for (const job of await jobsOf(errand).find().toArray()) {
    const own = receipts.filter(({ _id }) => _id.startsWith(job._id))
    expect(doubles(own.map(({ attempt }) => `${attempt}`)), 'attempts with two receipts').toEqual([])
    expect(job.attempt, 'attempts').toBeLessThanOrEqual(job.maxAttempts)
    const last = own.toSorted((a, b) => a.attempt - b.attempt).at(-1)
    const ended = job.state === 'succeeded' || job.state === 'failed'
    const run = runOf.get(job.state === 'running' ? receiptId(job._id, job.claim!) : ended ? last!._id : '')
    if (run) expect(JSON.stringify(run.call.args), 'the args of the run').toBe(job.args)
  }
}

const doubles = (texts: string[]): string[] => texts.filter((text, index) => texts.indexOf(text) !== index)

let asking = 0

function countQuestions(store: Store): void {
  for (const part of Object.values(store)) {
    if (typeof part !== 'object') continue
    const questions = part as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
    for (const [name, question] of Object.entries(questions)) {
      questions[name] = async (...args) => {
        asking++
        try {
          return await question(...args)
        } finally {
          asking--
        }
      }
    }
  }
}

/** Nobody asks the database anything, nor is about to. */
async function settled(): Promise<void> {
  for (let still = 0; still < 4; still++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (asking > 0) still = -1
  }
}
