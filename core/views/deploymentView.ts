/** Deployments as they are shown. Without zod, because clients have it in their types. */
import type { TargetName } from '../targets.js'

/** Times are ISO 8601. */
export interface DeploymentView {
  id: number
  /** Coordinators work by it. At most one is. */
  live: boolean
  functions: string
  workers: number
  targets?: TargetName[]
  note?: string
  createdAt: string
  createdBy: string
  /** It can go live no more, and jobs that were pinned to it run on the one that is live. */
  retiredAt?: string
}

export interface Deployments {
  /** Newest first. */
  deployments: DeploymentView[]
}

/** The changes of a switch. */
export interface Activated {
  /** Null where coordinators work by what they have themselves again. */
  id: number | null
  /** The one that was live before; null where none was. */
  previous: number | null
  /** It was live already. */
  already?: true
  /** How many functions answered a ping. */
  answered: number
  /** Beside the one before, where there was one: names of workers, sorted. */
  added: string[]
  changed: string[]
  /** Their jobs wait. */
  gone: string[]
}

/** Of `PROBE_FAILED`, in `details.functions`. */
export interface SilentFunction {
  worker: string
  code: string
  message: string
}
