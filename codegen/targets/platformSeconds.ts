/** Computes how long a platform is told to let a function run. */
import type { WorkerFacts } from './workerFacts.js'

/** The function ends its attempt itself, at the deadline; this is what it then has to say so. */
const slackMs = 5_000

/** In whole seconds, and no more than the platform allows. */
export const platformSeconds = ({ timeoutMs }: WorkerFacts, maxMs: number): number =>
  Math.ceil(Math.min(timeoutMs + slackMs, maxMs) / 1_000)
