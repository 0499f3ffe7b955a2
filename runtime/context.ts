/**
 * One attempt from the inside: what `run` gets beside its args, and the watch over its deadline.
 *
 * The watch sleeps until the deadline, then looks again, because a heartbeat may have moved it. It ends with the
 * attempt, so that no timer outlives it.
 */
import type { JobContext } from '../core/job/defineJob.js'
import type { FunctionCall } from '../core/requests/wire.js'
import { Snooze } from '../core/job/outcome.js'
import { AttemptError } from './attemptError.js'
import { beatsPerTimeout, keepAlive } from './keepAlive.js'
import type { Incoming } from './receiveCall.js'
import { postOnce, postUntilTaken, tryLimitMs, type PostDeps } from './post.js'
import { createChildren, type Children } from './children.js'
import { createProgressSender, type ProgressSender } from './progress.js'

export interface Attempt {
  context: JobContext
  /** Rejects with the `TIMEOUT` at the deadline; never resolves. */
  timedOut: Promise<never>
  /** Throws what the signal aborted with, if it has. */
  throwIfOver: () => void
  /** Resolves when all child jobs that `run` asked for are enqueued, or will not be. */
  childrenSent: () => Promise<unknown> | undefined
  /** Progress and log of `run` so far, as fields of its receipt; empty for most. */
  told: () => string
  /** Stops the watch. Heartbeats that come later are refused. */
  end(): void
}

export interface AttemptOptions {
  /** Tells when the caller that waits for the answer has hung up; absent where no caller waits. */
  onHangUp?: Incoming['onHangUp'] | undefined
  /** No caller waits: heartbeats tell the coordinator that the attempt goes on. */
  posted?: boolean
}

export function beginAttempt(call: FunctionCall, deps: PostDeps, { onHangUp, posted }: AttemptOptions = {}): Attempt {
  const stop = lazyAbort()
  let ended = false
  let deadline = new Date(call.deadline)
  const timeoutMs = deadline.getTime() - deps.clock.now().getTime()
  /** No heartbeat moves the deadline beyond this. */
  const latestMs = call.latest === undefined ? deadline.getTime() : Date.parse(call.latest)
  /** Whether the last automatic heartbeat did not get through. */
  let outOfReach = false

  const giveUp = (message: string): AttemptError => {
    const over = new AttemptError('ATTEMPT_OVER', message)
    stop.abort(over)
    return over
  }

  onHangUp?.(() => {
    if (!ended) giveUp('The caller no longer waits for this attempt.')
  })

  let cancelAlarm = () => {}
  const timedOut = new Promise<never>((_, reject) => {
    const expire = () => {
      const timeout = new AttemptError('TIMEOUT', timeoutMessage(call.worker, deadline, posted))
      // the receipt says TIMEOUT, not what `run` makes of its signal
      reject(timeout)
      stop.abort(timeout)
    }
    const watch = () => {
      const now = deps.clock.now().getTime()
      // a coordinator out of reach cannot say that it heard nothing
      if (outOfReach && deadline.getTime() <= now) deadline = new Date(Math.min(now + timeoutMs, latestMs))
      const leftMs = deadline.getTime() - now
      if (leftMs <= 0) expire()
      else cancelAlarm = deps.clock.alarm(leftMs, watch)
    }
    watch()
  })
  timedOut.catch(() => {}) // it may expire before it has a listener

  /** Posts as long as the attempt goes on. */
  const post = (where: string, body: string) =>
    postUntilTaken(attemptUrl(call, where), body, deps, { until: () => deadline, signal: stop.signal() })

  const throwIfOver = () => {
    stop.throwIfAborted()
    if (ended) throw new AttemptError('ATTEMPT_OVER', 'The attempt has handed in its receipt.')
  }

  const heartbeat = async (): Promise<void> => {
    throwIfOver()
    const outcome = await post('heartbeat', '{}')
    stop.throwIfAborted()
    switch (outcome.kind) {
      case 'taken':
        deadline = readDeadline(outcome.answer)
        return
      case 'refused':
        throw giveUp(`The coordinator refused a heartbeat (${outcome.status}): the attempt is over.`)
      case 'unreached':
        throw new Error(`A heartbeat did not reach the coordinator before the deadline: ${outcome.problem}.`)
    }
  }

  const beatEveryMs = timeoutMs / beatsPerTimeout
  /** One try, because the next beat is the next one. Answers whether the attempt goes on, as far as it is known. */
  const beat = async (): Promise<boolean> => {
    if (ended || stop.isAborted()) return false
    const limitMs = Math.min(tryLimitMs, beatEveryMs)
    const outcome = await postOnce(attemptUrl(call, 'heartbeat'), '{}', deps, stop.signal(), limitMs)
    if (ended || stop.isAborted()) return false
    if (outcome.kind === 'refused') {
      giveUp(`The coordinator refused a heartbeat (${outcome.status}): the attempt is over.`)
      return false
    }
    const moved = outcome.kind === 'taken' ? deadlineIn(outcome.answer) : undefined
    // something else may answer in the coordinator's place
    outOfReach = moved === undefined
    if (moved) deadline = moved
    return true
  }
  const stopBeating = posted && timeoutMs > 0 ? keepAlive(deps.clock, beatEveryMs, beat) : undefined

  let progressSender: ProgressSender | undefined
  /** Most workers tell nothing, so it is made when there is something to tell. */
  const sender = () =>
    (progressSender ??= createProgressSender(attemptUrl(call, 'progress'), deps, () => {
      giveUp('The coordinator refused its progress: the attempt is over.')
    }))

  let children: Children | undefined
  const enqueue = async (...job: Parameters<Children['enqueue']>) => {
    throwIfOver()
    children ??= createChildren(
      (body) => post('enqueue', body),
      () => giveUp('The coordinator refused a child job: the attempt is over.'),
    )
    const child = await children.enqueue(...job)
    stop.throwIfAborted()
    return child
  }

  return {
    context: {
      jobId: call.id,
      worker: call.worker,
      attempt: call.attempt,
      maxAttempts: call.maxAttempts,
      get deadline() {
        return deadline
      },
      get signal() {
        return stop.signal()
      },
      heartbeat() {
        return unwatched(heartbeat())
      },
      progress(fraction, note) {
        if (!ended) sender().progress(fraction, note)
      },
      log(message, fields) {
        if (!ended) sender().log(message, fields)
      },
      enqueue: ((...job: Parameters<Children['enqueue']>) => unwatched(enqueue(...job))) as JobContext['enqueue'],
      snooze(delay) {
        throw new Snooze(delay)
      },
    },
    timedOut,
    throwIfOver: () => stop.throwIfAborted(),
    childrenSent: () => children?.sent(),
    told: () => progressSender?.fields() ?? '',
    end() {
      ended = true
      progressSender?.end()
      stopBeating?.()
      cancelAlarm()
    },
  }
}

/**
 * A worker that does not wait for what it asked for sees the end of the attempt by its signal; the process must not end
 * by it.
 */
function unwatched<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

/**
 * Most workers never look at their signal, and one costs as much as all else about a quick attempt; so it is made when
 * it is asked for.
 */
function lazyAbort() {
  let controller: AbortController | undefined
  let reason: unknown
  return {
    abort(why: unknown) {
      reason ??= why
      controller?.abort(reason)
    },
    signal(): AbortSignal {
      if (!controller) {
        controller = new AbortController()
        if (reason !== undefined) controller.abort(reason)
      }
      return controller.signal
    },
    isAborted: () => reason !== undefined,
    throwIfAborted() {
      // oxlint-disable-next-line no-throw-literal -- always an AttemptError
      if (reason !== undefined) throw reason
    },
  }
}

const timeoutMessage = (worker: string, deadline: Date, posted = false): string =>
  `${worker} was not done at its deadline, ${deadline.toISOString()}. ${
    posted
      ? 'Its heartbeats were not heard, or it has run for its maxRuntime; raise that if it needs longer.'
      : 'Raise its timeout, or let it call heartbeat() while it works.'
  }`

/** Beside the address for the receipt, with its token. */
export function attemptUrl({ receipt }: FunctionCall, end: string): string {
  const url = new URL(receipt)
  url.pathname = url.pathname.replace(/receipt$/, end)
  return url.href
}

function readDeadline(answer: unknown): Date {
  const deadline = deadlineIn(answer)
  if (!deadline) throw new Error('The coordinator took a heartbeat but named no new deadline.')
  return deadline
}

function deadlineIn(answer: unknown): Date | undefined {
  const text = typeof answer === 'object' && answer !== null && 'deadline' in answer ? answer.deadline : undefined
  const deadline = new Date(typeof text === 'string' ? text : Number.NaN)
  return Number.isNaN(deadline.getTime()) ? undefined : deadline
}
