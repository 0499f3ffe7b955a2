/**
 * Breaks off calls of attempts that were cancelled on another coordinator. It asks only for calls that were under way
 * at the last look as well, so that quick jobs cost nothing.
 */
import type { Deps } from '../deps.js'
import type { Dispatcher } from './dispatcher.js'

/** Answers with the step; it remembers what it saw. */
export function watchCancelled(deps: Deps, dispatcher: Pick<Dispatcher, 'calls'>): () => Promise<undefined> {
  let before = new Set<string>()
  return async () => {
    const calls = dispatcher.calls()
    const lasting = calls.filter(({ id, claim }) => before.has(`${id}:${claim}`))
    before = new Set(calls.map(({ id, claim }) => `${id}:${claim}`))
    if (lasting.length === 0) return
    for (const attempt of await deps.store.jobs.cancelledAmong(lasting)) deps.events.emit('cancelled', attempt)
  }
}
