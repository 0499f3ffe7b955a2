/**
 * The dispatcher keeps as many attempts running as there are lanes. It claims when it is woken (a job was enqueued or staged, an attempt
 * ended) and looks by itself now and then for what other coordinators enqueued.
 */
import { claim, release } from './claim.js'
import type { Deps } from './deps.js'
import { dispatch, type BreakOff } from './dispatch.js'
import type { ClaimedJob } from './store/documents.js'

export interface Dispatcher {
  /** Claims what there are lanes for and starts it. Answers once nothing is claimable or every lane is taken. */
  pump(): Promise<void>
  /** Resolves when no attempt runs and none is being claimed. */
  idle(): Promise<void>
  /** Claims no more; waits for running attempts up to `graceMs`, then breaks them off and gives their jobs back, uncharged. */
  stop(graceMs: number): Promise<void>
  readonly running: number
}

export function createDispatcher(deps: Deps, lanes: number): Dispatcher {
  const running = new Map<string, { job: ClaimedJob; broken: AbortController; done: Promise<void> }>()
  /** Taken lanes: running attempts and those that a claim under way may bring. */
  let reserved = 0
  let stopped = false
  let pumping: Promise<void> | undefined
  let pumpAgain = false
  /** Whether the last claim left candidates behind; then a free lane is worth a claim. */
  let backlog = false

  const start = (job: ClaimedJob) => {
    const broken = new AbortController()
    const done = dispatch(deps, job, broken.signal).finally(() => {
      running.delete(job.claim + job._id)
      // with a backlog, claims are worth their round trips only for a good part of the lanes
      if (backlog && freeLanes() >= lanes / 4) wake()
    })
    running.set(job.claim + job._id, { job, broken, done })
  }

  const freeLanes = () => lanes - running.size - reserved

  const fill = async (): Promise<void> => {
    do {
      pumpAgain = false
      const limit = freeLanes()
      if (limit <= 0) {
        backlog = true
        return
      }
      reserved = limit
      try {
        const { jobs, more } = await claim(deps, limit)
        backlog = more
        if (stopped) await release(deps, jobs)
        else jobs.forEach(start)
      } finally {
        reserved = 0
      }
    } while (!stopped && (pumpAgain || backlog))
  }

  const pump = (): Promise<void> => {
    if (stopped) return Promise.resolve()
    pumpAgain = true
    pumping ??= fill().finally(() => (pumping = undefined))
    return pumping
  }

  const wake = () => {
    pump().catch((error: unknown) => deps.log('warn', 'could not claim jobs; trying again soon', { error }))
  }

  const breakOff = (reason: BreakOff, only?: string) => {
    for (const [key, { broken }] of running) if (only === undefined || key === only) broken.abort(reason)
  }

  const idle = async () => {
    while (running.size > 0 || pumping) await Promise.all([pumping, ...[...running.values()].map(({ done }) => done)])
  }

  const stopListening = [
    deps.events.on('queued', wake),
    deps.events.on('cancelled', ({ id, claim }) => breakOff('cancelled', claim + id)),
  ]

  return {
    pump,
    idle,
    get running() {
      return running.size
    },
    async stop(graceMs) {
      stopped = true
      stopListening.forEach((stop) => stop())
      await pumping?.catch(() => {})
      const graceOver = new AbortController()
      const grace = deps.clock.sleep(graceMs, graceOver.signal).then(() => breakOff('shutdown'))
      await idle()
      graceOver.abort()
      await grace
    },
  }
}
