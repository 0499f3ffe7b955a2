/**
 * One attempt from the inside: what `run` gets beside its args, and the watch over its deadline.
 *
 * The watch sleeps until the deadline, then looks again, because a heartbeat may have moved it. It ends with the attempt, so that no timer
 * outlives it.
 */
import type { JobContext } from '../core/defineJob.js'
import type { FunctionCall } from '../core/wire.js'
import { AttemptError } from './attemptError.js'
import { postUntilTaken, type PostDeps } from './post.js'

export interface Attempt {
  context: JobContext
  /** Rejects with the `TIMEOUT` at the deadline; never resolves. */
  timedOut: Promise<never>
  /** Stops the watch. Heartbeats that come later are refused. */
  end(): void
}

/** `callerSignal` aborts when whoever waits for the answer has hung up; absent where nobody waits. */
export function beginAttempt(call: FunctionCall, deps: PostDeps, callerSignal?: AbortSignal): Attempt {
  const stop = new AbortController()
  const ended = new AbortController()
  let deadline = new Date(call.deadline)

  const giveUp = (message: string): AttemptError => {
    const over = new AttemptError('ATTEMPT_OVER', message)
    stop.abort(over)
    return over
  }

  const hangUp = () => giveUp('The caller no longer waits for this attempt.')
  if (callerSignal?.aborted) hangUp()
  else callerSignal?.addEventListener('abort', hangUp, { signal: ended.signal })

  const timedOut = new Promise<never>((_, reject) => {
    const expire = () => {
      const timeout = new AttemptError('TIMEOUT', timeoutMessage(call.worker, deadline))
      // the receipt says TIMEOUT, not what `run` makes of its signal
      reject(timeout)
      stop.abort(timeout)
    }
    const watch = async () => {
      while (!ended.signal.aborted) {
        const leftMs = deadline.getTime() - deps.clock.now().getTime()
        if (leftMs <= 0) return expire()
        await deps.clock.sleep(leftMs, ended.signal)
      }
    }
    void watch()
  })
  timedOut.catch(() => {}) // it may expire while nobody listens yet

  const heartbeat = async (): Promise<void> => {
    stop.signal.throwIfAborted()
    if (ended.signal.aborted) throw new AttemptError('ATTEMPT_OVER', 'The attempt has handed in its receipt.')
    const outcome = await postUntilTaken(heartbeatUrl(call.receipt), '{}', deps, {
      until: () => deadline,
      signal: stop.signal,
    })
    stop.signal.throwIfAborted()
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

  return {
    context: {
      jobId: call.id,
      worker: call.worker,
      attempt: call.attempt,
      maxAttempts: call.maxAttempts,
      get deadline() {
        return deadline
      },
      signal: stop.signal,
      heartbeat() {
        const beat = heartbeat()
        // a worker that does not wait for its heartbeats sees their end by its signal; the process must not end by it
        beat.catch(() => {})
        return beat
      },
    },
    timedOut,
    // with a reason, because the default one is an error with a stack, made anew for each call
    end: () => ended.abort('ended'),
  }
}

const timeoutMessage = (worker: string, deadline: Date): string =>
  `${worker} was not done at its deadline, ${deadline.toISOString()}. Raise its timeout, or let it call heartbeat() while it works.`

function heartbeatUrl(receipt: string): string {
  const url = new URL(receipt)
  url.pathname = url.pathname.replace(/\/receipt$/, '/heartbeat')
  return url.href
}

function readDeadline(answer: unknown): Date {
  const text = typeof answer === 'object' && answer !== null && 'deadline' in answer ? answer.deadline : undefined
  const deadline = new Date(typeof text === 'string' ? text : Number.NaN)
  if (Number.isNaN(deadline.getTime())) throw new Error('The coordinator took a heartbeat but named no new deadline.')
  return deadline
}
