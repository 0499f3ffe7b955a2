/**
 * The functions, played by the model: they answer when a step says so, or never, and post receipts as often as they
 * like. Each start is checked.
 */
import { expect } from 'vitest'
import type { Clock } from '../../../core/time/clock.js'
import type { FunctionCall } from '../../../core/requests/wire.js'
import { createSigner } from '../../../server/functions/signer.js'
import { testKey } from '../../support/errand.js'
import { limits, rates, timeoutMs } from './workers.js'
import type { Answer, Invoke } from '../../../server/deps.js'

/** One attempt that a function was called for. */
export interface Started {
  id: string
  worker: string
  key: string
  attempt: number
  claim: string
  /** As JSON. */
  args: string
  /** Its address: good for this attempt alone. */
  receipt: string
  deadlineMs: number
  /**
   * Whether the attempt may still be the job's current one: neither answered nor cancelled, and its coordinator lives.
   */
  counts: boolean
  /**
   * Whether the function works on it, whatever became of the attempt: it has neither answered nor posted. It stops by
   * itself at its deadline.
   */
  works: boolean
  call: PlayedCall
}

export interface PlayedCall {
  jobs: Started[]
  isOpen: boolean
  answer(answer: Answer): void
}

export type Functions = ReturnType<typeof playFunctions>

const signer = createSigner([testKey])

const claimOf = (id: string, receipt: string): string =>
  signer.readReceiptToken(id, new URL(receipt).searchParams.get('token')!)!

export function playFunctions(clock: Clock, { stalls, log }: { stalls: boolean; log: string[] }) {
  const attempts: Started[] = []
  const calls: PlayedCall[] = []
  const addresses = new Set<string>()
  /** Jobs whose success was acknowledged, and which nobody has retried since. */
  const done = new Set<string>()

  const invokeFor =
    (owner: { calls: Set<PlayedCall> }): Invoke =>
    (request) => {
      const parsed = JSON.parse(request.body) as FunctionCall | { jobs: FunctionCall[] }
      return new Promise((resolve) => {
        const call: PlayedCall = { jobs: [], isOpen: true, answer }
        function answer(answer: Answer) {
          call.isOpen = false
          owner.calls.delete(call)
          if (answer.kind !== 'accepted') for (const job of call.jobs) job.counts = false
          // a function hears nothing of a caller that hangs up
          if (answer.kind !== 'accepted' && answer.kind !== 'aborted') for (const job of call.jobs) job.works = false
          resolve(answer)
        }
        calls.push(call)
        owner.calls.add(call)
        for (const job of 'jobs' in parsed ? parsed.jobs : [parsed]) start(job, call)
        request.onAbort(() => answer({ kind: 'aborted' }))
      })
    }

  /** What a function's caller throws goes no further than its log; so it is kept. */
  const broken: string[] = []

  const start = (call: FunctionCall, of: PlayedCall) => {
    try {
      begin(call, of)
    } catch (error) {
      broken.push((error as Error).message)
    }
  }

  const begin = ({ id, worker, args, attempt, receipt, deadline }: FunctionCall, call: PlayedCall) => {
    const { key = '' } = args as { key?: string }
    const started = {
      id,
      worker,
      key,
      attempt,
      claim: claimOf(id, receipt),
      args: JSON.stringify(args),
      receipt,
      deadlineMs: Date.parse(deadline),
      counts: true,
      works: true,
      call,
    }
    const what = `${worker} ${key} ${id} attempt ${attempt}`
    log.push(`${clock.now().toISOString()} start ${what}, until ${deadline}`)
    const again = addresses.has(receipt)
    addresses.add(receipt)
    attempts.push(started)
    call.jobs.push(started)
    expect(again, `the attempt was called before: ${what}`).toBe(false)
    expect(started.deadlineMs, `the deadline has not passed: ${what}`).toBeGreaterThan(clock.now().getTime())
    expect(done.has(id), `the job had succeeded: ${what}`).toBe(false)
    checkConcurrency(started)
    if (!stalls) checkRate(started)
  }

  const checkConcurrency = ({ worker, key }: Started) => {
    const limit = limits[worker]
    if (limit === undefined) return
    const now = clock.now().getTime()
    const running = attempts.filter(
      (job) => job.worker === worker && job.key === key && job.works && job.deadlineMs > now,
    )
    expect(running.length, `${worker} ${key} runs so many at once`).toBeLessThanOrEqual(limit)
  }

  /** By when the attempt was claimed: only then its token is taken. */
  const checkRate = ({ worker, key }: Started) => {
    const rate = rates[worker]
    if (rate === undefined) return
    const starts = attempts
      .filter((job) => job.worker === worker && job.key === key)
      .map(({ deadlineMs }) => deadlineMs - timeoutMs)
      .toSorted((a, b) => a - b)
    for (const [first, from] of starts.entries()) {
      for (const [index, to] of starts.entries()) {
        if (index < first) continue
        const most = rate.burst + (to - from) / rate.intervalMs + 1e-6
        expect(index - first + 1, `${worker} ${key} starts so many within ${to - from} ms`).toBeLessThanOrEqual(most)
      }
    }
  }

  return {
    /** All attempts, in the order of their calls. */
    attempts,
    broken,
    calls,
    done,
    invokeFor,
    /** The job's attempts no longer count: it is being cancelled. */
    letGo(id: string) {
      for (const job of attempts) if (job.id === id) job.counts = false
    },
    /** The coordinator has died, and its calls with it; their functions may still post. */
    vanish(owner: { calls: Set<PlayedCall> }) {
      for (const call of owner.calls) {
        call.isOpen = false
        for (const job of call.jobs) job.counts = false
      }
      owner.calls.clear()
    },
  }
}
