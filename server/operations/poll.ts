/** Looks once a second, while callers wait, for what another coordinator has ended: one query for all of them. */
import type { Deps } from '../deps.js'

const everyMs = 1_000

export interface PollOptions {
  /** By the id that is waited for. */
  waiting: ReadonlyMap<string, unknown>
  stopped: AbortSignal
  /** Asks for these, and wakes those who wait for the ones that are over. */
  look: (ids: string[]) => Promise<void>
  /** The log's message where that fails; the next look follows all the same. */
  failing: string
}

/** Begins to look, unless it is looking. */
export function createPoll(
  { clock, log }: Deps,
  { waiting, stopped, look, failing }: PollOptions,
): () => Promise<void> {
  let polling = false
  return async () => {
    if (polling) return
    polling = true
    while (waiting.size > 0 && !stopped.aborted) {
      await clock.sleep(everyMs, stopped)
      if (waiting.size === 0) break
      try {
        await look([...waiting.keys()])
      } catch (error) {
        // the connection may be closed behind a coordinator that has stopped
        if (!stopped.aborted) log('warn', failing, { error })
      }
    }
    polling = false
  }
}
