/** Release: jobs that waited for their worker run when it is back. */
import type { Deps } from '../deps.js'

export async function releaseHeld(deps: Deps): Promise<void> {
  const released = await deps.store.jobs.release(deps.contracts.names)
  if (released > 0) {
    deps.log('info', 'jobs run that waited for their worker', { jobs: released })
    deps.events.emit('queued', undefined)
  }
}
