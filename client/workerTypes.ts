/** Deployed workers, in the typed client. */
import type { WorkerDetails, WorkerPolicies, WorkerView } from '../core/views/answers.gen.js'
import type { Dated } from './dated.js'

export type { WorkerPolicies }

/** A deployed worker: its policies, where its function is, and how many jobs it has. */
export interface WorkerSummary extends Dated<WorkerView> {}

/** The same with its args and result as JSON Schema, and an example of its args. */
export interface DeployedWorker extends Dated<WorkerDetails> {}

export interface Workers {
  /** All that are deployed, in the order of the alphabet. */
  list(): Promise<WorkerSummary[]>
  /** Throws `UNKNOWN_WORKER`. */
  get(name: string): Promise<DeployedWorker>
}
