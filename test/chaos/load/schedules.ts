/** Schedules: one that nobody touches once it is made, and one that is paused, changed and run by hand. */
import type { Caller } from './caller.js'
import { work } from './work.js'

/** Until it is there; the same id again changes nothing. */
export async function makeSchedules(caller: Caller): Promise<void> {
  const all = [
    { id: 'made', every: '5s', missed: 'all' },
    { id: 'handled', every: '3s', missed: 'all' },
  ]
  for (const { id, ...rule } of all) {
    for (;;) {
      const askedAt = Date.now()
      const { outcome } = await caller.call('POST', '/schedules', { id, worker: 'plain', args: work(0), ...rule })
      caller.note({ kind: 'schedule', id, outcome, askedAt })
      if (outcome === 'acked') break
      await caller.pause(500)
      if (caller.over.aborted) return
    }
  }
}

export async function handler(caller: Caller): Promise<void> {
  const { random } = caller
  const dice = random()
  if (dice < 0.4) {
    const { outcome, body } = await caller.call('POST', '/schedules/handled/run')
    const jobId = body.id as string | undefined
    caller.note({ kind: 'scheduleRun', id: 'handled', outcome, ...(jobId && { jobId }) })
  } else if (dice < 0.7) {
    await caller.call('PATCH', '/schedules/handled', { every: `${random.int(2, 4)}s` })
  } else {
    await caller.call('POST', '/schedules/handled/pause')
    await caller.pause(random.int(500, 4_000))
    await caller.call('POST', '/schedules/handled/resume')
  }
  await caller.pause(random.int(1_000, 4_000))
}
