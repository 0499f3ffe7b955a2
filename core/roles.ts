/**
 * Roles of API keys, and which workers a key may enqueue. Without zod, because the command line reads settings by it.
 */

/**
 * - `enqueue`: enqueue jobs, and wait for the receipts of jobs whose id one holds.
 * - `observe`: look at jobs and schedules.
 * - `deploy`: register deployments and switch between them. Their contracts are code that the coordinator runs, so such
 *   a key is worth as much as its machine.
 * - `operate`: everything.
 */
export const roles = ['enqueue', 'observe', 'deploy', 'operate'] as const
export type Role = (typeof roles)[number]

/** A worker's name, or a folder and `.*`. */
const patternShape = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(\.\*)?$/

/** A sentence about a text that is no pattern of workers, else `undefined`. */
export const workerPatternProblem = (pattern: string): string | undefined =>
  patternShape.test(pattern)
    ? undefined
    : `"${pattern.slice(0, 100)}" is no pattern of workers. Write a worker's name, such as mail.send, or a folder and .* for all in it, such as shop.*.`

/** Whether one of the patterns takes the worker. No patterns at all take every one. */
export const matchesWorker = (patterns: readonly string[] | undefined, worker: string): boolean =>
  patterns === undefined ||
  patterns.some((pattern) => (pattern.endsWith('.*') ? worker.startsWith(pattern.slice(0, -1)) : pattern === worker))

/** The name of a caller where no key is required. */
export const localName = 'local'
