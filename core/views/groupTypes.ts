/**
 * The words of groups, without a schema: the client and functions' bundles have them too. `core/requests/groups` has
 * groups over the wire.
 */
import type { ErrorCode, Issue } from '../errors.js'
import type { FinalState } from '../states.js'

/**
 * The effect of a failed member on its group: `'continue'`, nothing; `'wait'`, it keeps the group open until it was
 * retried and succeeded, or was cancelled; `'cancelRest'`, the members that are not final are cancelled. In any case
 * the callback runs when the group is over.
 */
export type GroupPolicy = (typeof groupPolicies)[number]
export const groupPolicies = ['continue', 'wait', 'cancelRest'] as const

/**
 * `open`: it has members that are not final, or under `wait` ones that failed. `stuck`: it is over and its callback
 * cannot be made; `problem` says why. `closed`: it is over, and its callback, if it has one, was made. `cancelled`: it
 * was cancelled as a whole, and gets no callback.
 */
export type GroupState = (typeof groupStates)[number]
export const groupStates = ['open', 'stuck', 'closed', 'cancelled'] as const

/** Codes of problems that may pass by themselves; the coordinator tries again every minute. */
export const passingProblems: readonly string[] = ['KEY_TAKEN', 'VERSION_AHEAD'] satisfies ErrorCode[]

/** Why a callback cannot be made. */
export interface GroupProblem {
  code: string
  message: string
  issues?: Issue[]
}

/** `Result` is what the members' `run` returns. */
export interface GroupMember<Result = unknown> {
  /** The job's id; of a nested group without a callback, the group's. */
  id: string
  /** Absent for a nested group without a callback; one with a callback is told as that job. */
  worker?: string
  /** A nested group without a callback has failed where any of its members has, and was cancelled where any was. */
  state: FinalState
  /** The result that `run` returned, where the member succeeded and results are not cut off. */
  result?: Result
  /** Why a result that is there is left out for itself: it cannot be carried. */
  resultProblem?: string
  /** Of the last attempt, where the member failed and errors are not cut off. */
  error?: { name: string; message: string; code?: string }
}

/** The `group` in the args of a group's callback. `groupSummary()` is a schema for it. */
export interface GroupSummary<Result = unknown> {
  id: string
  /** How many members it has; a nested group counts as one. */
  total: number
  succeeded: number
  failed: number
  cancelled: number
  /** In the order in which they were given, callbacks of nested groups first. */
  members: GroupMember<Result>[]
  /**
   * Left out to keep the summary below 512 kB: nothing, the members' `'results'` (and their errors, if need be), or all
   * `'members'` but those that did not succeed, as far as they fit. `GET /groups/:id/jobs` has them all.
   */
  truncated: false | 'results' | 'members'
}
