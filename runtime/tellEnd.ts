/**
 * A worker with a concurrency limit counts as running until its function has answered. Where no caller hears the
 * answer, because the caller has hung up or the deadline came while `run` went on, the coordinator is told when the
 * work is over, so that another job may run instead.
 */
import type { FunctionCall } from '../core/requests/wire.js'
import { attemptUrl } from './context.js'
import type { Incoming } from './receiveCall.js'
import { postUntilTaken, type PostDeps } from './post.js'

/** Beyond that the coordinator has given the place away by itself. */
const giveUpMs = 30_000

export interface EndSignals {
  /** Rejects where the deadline comes before the work is done. */
  timedOut: Promise<never>
  onHangUp: Incoming['onHangUp']
  /** Of the platform. */
  waitUntil: ((work: Promise<unknown>) => void) | undefined
}

export function tellEnd(
  work: Promise<unknown>,
  call: FunctionCall,
  deps: PostDeps,
  { timedOut, onHangUp, waitUntil }: EndSignals,
): void {
  let over = false
  let unanswered = false
  let told = false
  const tell = () => {
    if (!over || !unanswered || told) return
    told = true
    const until = new Date(deps.clock.now().getTime() + giveUpMs)
    const post = postUntilTaken(attemptUrl(call, 'ended'), '{}', deps, { until: () => until })
    waitUntil?.(post)
  }
  const missAnswer = () => {
    unanswered = true
    tell()
  }
  const end = () => {
    over = true
    tell()
  }
  work.then(end, end)
  timedOut.catch(missAnswer)
  onHangUp?.(missAnswer)
}
