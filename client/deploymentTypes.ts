/** Deployments in the typed client. */
import type { Activated, DeploymentView } from '../core/views/answers.gen.js'
import type { Dated } from './dated.js'
import type { TargetName } from '../core/targets.js'

/** A deployment as `errand deploy` registers it. */
export interface RegisterOptions {
  /** Where the functions are, in one of the forms of ERRAND_FUNCTIONS_URL. Every worker needs an address. */
  functions: string
  /**
   * `hash` changes when the function or the contract does; `build` is what the function answers to a ping, if that is
   * to be held against it.
   */
  workers: { name: string; hash: string; build?: string | undefined }[]
  /** Codegen's contracts.mjs. The coordinator runs it. */
  contracts: string
  /** The platforms it was built for. */
  targets?: TargetName[] | undefined
  /** A note on it, such as the commit it was built from. */
  note?: string | undefined
}

export interface Deployment extends Dated<DeploymentView> {}

/** The changes of a switch. */
export type Switched = Activated

export interface ActivateOptions {
  /** Goes live although functions do not answer. Default: no. */
  force?: boolean | undefined
}

/** For keys with the role `deploy`. `errand deploy` does the first two in one. */
export interface DeploymentsClient {
  /**
   * Nothing goes live by it. Its contracts are code that the coordinator runs. Throws `BAD_REQUEST` and `BAD_WORKER`.
   */
  register(options: RegisterOptions): Promise<Deployment>
  /**
   * Asks each function whether it is there, then makes the deployment live: here at once, on other coordinators within
   * five seconds. Throws `UNKNOWN_DEPLOYMENT`, `PROBE_FAILED` with the functions that do not answer, and
   * `DEPLOYED_MEANWHILE` where another caller has switched; then nothing has changed.
   */
  activate(id: number, options?: ActivateOptions): Promise<Switched>
  /**
   * Makes the one live that was before the live one, or the one of that number. Throws as `activate` does, and
   * `WRONG_STATE` where none was.
   */
  rollBack(id?: number, options?: ActivateOptions): Promise<Switched>
  /** Coordinators work by what they have themselves again. Throws `WRONG_STATE` where no deployment is live. */
  deactivate(): Promise<Switched>
  /**
   * It can go live no more, and jobs that are pinned to it run on the live one. Throws `UNKNOWN_DEPLOYMENT`,
   * `DEPLOYED_MEANWHILE`, and `WRONG_STATE` for the live one.
   */
  retire(id: number): Promise<Deployment>
  /** Newest first, at most a hundred. */
  list(): Promise<Deployment[]>
}
