/** Child jobs from inside an attempt: `ctx.enqueue`. */
import { encodeJob } from '../core/job/encodeJob.js'
import type { AnyJobs } from '../core/job/registry.js'
import type { EnqueueChild, ChildJob, ChildOptions } from '../core/job/childOptions.js'
import { fromWire, isWireError } from '../core/fromWire.js'
import type { PostOutcome } from './post.js'

export interface Children {
  enqueue: EnqueueChild<AnyJobs>
  /** Resolves when no call is under way, however they ended. */
  sent(): Promise<unknown>
}

/**
 * `post` brings a body to the coordinator. `refused` is called, and gives what is thrown, where the coordinator no
 * longer waits for this attempt.
 */
export function createChildren(post: (body: string) => Promise<PostOutcome>, refused: () => Error): Children {
  const counts = new Map<string, number>()
  const underWay = new Set<Promise<unknown>>()

  /** Calls that come in the same order in each attempt have the same names. */
  const nextCall = (worker: string): string => {
    const count = (counts.get(worker) ?? 0) + 1
    counts.set(worker, count)
    return `#${count}`
  }

  const send = async (worker: string, body: string): Promise<ChildJob> => {
    const outcome = await post(body)
    if (outcome.kind === 'taken') return readAnswer(outcome.answer)
    if (outcome.kind === 'unreached') {
      throw new Error(`A job for ${worker} could not be enqueued before the deadline: ${outcome.problem}.`)
    }
    if (isWireError(outcome.error)) {
      throw overCodes.includes(outcome.error.code) ? refused() : fromWire(outcome.error)
    }
    throw new Error(`The coordinator refused a job for ${worker} (${outcome.status}).`)
  }

  return {
    async enqueue(worker: string, args?: unknown, { call = nextCall(worker), ...options }: ChildOptions = {}) {
      const body = JSON.stringify({ ...encodeJob(worker, args, options).request, call })
      const sending = send(worker, body).finally(() => underWay.delete(sending))
      underWay.add(sending)
      return sending
    },
    sent: () => Promise.allSettled(underWay),
  }
}

/** These speak of the attempt, all others of the job that was to be enqueued. */
const overCodes = ['ATTEMPT_OVER', 'UNKNOWN_JOB', 'UNAUTHORIZED']

function readAnswer(answer: unknown): ChildJob {
  const { id, state, runAt, existing } = answer as Pick<ChildJob, 'id' | 'state'> & { runAt: string; existing?: true }
  return { id, state, runAt: new Date(runAt), existing: existing === true }
}
