/** What the workers of project/jobs/ promise, in numbers that the checks count by. */

export interface Limit {
  limit: number
  timeoutMs: number
}

/** Workers with a `concurrency`, all with a key. */
export const limits: Readonly<Record<string, Limit>> = {
  limited: { limit: 2, timeoutMs: 4_000 },
  narrow: { limit: 1, timeoutMs: 3_000 },
}

/** How long after the deadline that a run was told a limit still counts it, where its function did not answer. */
export const slotGraceMs = 5_000

/** Workers with a `throttle`, all with a key. */
export const rates: Readonly<Record<string, { intervalMs: number; burst: number }>> = {
  paced: { intervalMs: 200, burst: 5 },
}

/**
 * Schedules whose every occurrence is to become one job, by their ids: so often it fires. `aligned` ones fire at
 * multiples of it.
 */
export const schedules: readonly { id: string; everyMs: number; aligned: boolean }[] = [
  { id: 'code:every', everyMs: 3_000, aligned: false },
  { id: 'code:cron', everyMs: 2_000, aligned: true },
  { id: 'code:queued', everyMs: 4_000, aligned: false },
  { id: 'made', everyMs: 5_000, aligned: false },
]

/** Workers whose jobs hold a unique key until they are final. */
export const uniqueWorkers: readonly string[] = ['once', 'replaced']
