/** Groups, as the typed client has them. */
import type { GroupMember, GroupPolicy, GroupProblem, GroupState, GroupSummary } from '../core/views/groupTypes.js'
import type { GroupView } from '../core/views/answers.gen.js'
import type { Dated } from './dated.js'
import type { ArgsOf, Registry, ResultOf } from '../core/job/registry.js'
import type { JobState } from '../core/states.js'
import type { EnqueueItem, WaitOptions, JobReference, JobPage } from './jobTypes.js'

export type { GroupMember, GroupPolicy, GroupProblem, GroupState, GroupSummary }

/** Workers whose args take a summary as `group`, for any results of their members. */
export type CallbackName<Jobs> = {
  [Name in keyof Jobs]: TakesSummary<ArgsOf<Jobs, Name>> extends true ? Name : never
}[keyof Jobs] &
  string

type TakesSummary<Args> = [keyof Args] extends [never]
  ? true // any object
  : 'group' extends keyof Args
    ? [GroupSummary<never>] extends [Args['group']]
      ? true
      : false
    : false

type OwnArgs<Jobs, Name extends keyof Jobs> = Omit<ArgsOf<Jobs, Name>, 'group'>

/** A callback by its name alone, where it needs no args but the summary. */
type NamedCallback<Jobs, Name extends keyof Jobs> = [object] extends [OwnArgs<Jobs, Name>] ? Name : never

/** A callback with args of its own, beside which it gets the summary as `group`. */
type CallbackWithArgs<Jobs, Name extends keyof Jobs> = {
  worker: Name
  /** Higher runs first: a whole number from -1000 to 1000. Default: the worker's. */
  priority?: number | undefined
} & ([object] extends [OwnArgs<Jobs, Name>]
  ? { args?: OwnArgs<Jobs, Name> | undefined }
  : { args: OwnArgs<Jobs, Name> })

/** For a name that cannot be one, those that can, which the compiler's message then lists. */
export type Callback<Jobs, Name> = Name extends keyof Jobs & CallbackName<Jobs>
  ? NamedCallback<Jobs, Name> | CallbackWithArgs<Jobs, Name>
  : Extract<keyof Jobs, CallbackName<Jobs>>

/** A group as an item of a group: it counts as one member, that ends with its own callback, or with its last member. */
export interface NestedGroup<Jobs> {
  group: readonly AnyItem<Jobs>[]
  /** Runs once when this group is over. Default: nothing does. */
  then?: Callback<Jobs, CallbackName<Jobs>> | undefined
  /** Default `'continue'`. */
  policy?: GroupPolicy | undefined
}

type GroupJob<Jobs, Name extends keyof Jobs> = EnqueueItem<Jobs, Name> & { group?: undefined }
type AnyItem<Jobs> = { [Name in keyof Jobs]: GroupJob<Jobs, Name> }[keyof Jobs] | NestedGroup<Jobs>

/**
 * The items of a group. Taken apart by name, as the items of `enqueueMany` are; only inside nested groups the compiler
 * looks at all workers.
 */
export type GroupItems<Jobs, Names extends readonly unknown[]> = {
  [Index in keyof Names]: GroupJob<Jobs, Names[Index] & keyof Jobs> | NestedGroup<Jobs>
}

export interface GroupOptions<Jobs, Name> {
  /**
   * The worker that runs once when all members are final, by its name or with args of its own. Its args get a
   * `GroupSummary` of the members as `group`; `groupSummary()` of `errand` is the schema for it. Default: none.
   */
  then?: Callback<Jobs, Name> | undefined
  /**
   * The effect of a failed member: `'continue'`, nothing; `'wait'`, it keeps the group open until it was retried and
   * succeeded, or was cancelled; `'cancelRest'`, the members that are not final are cancelled. The callback runs in any
   * case. Default `'continue'`.
   */
  policy?: GroupPolicy | undefined
}

export interface GroupDetails extends Dated<GroupView> {}

export interface GroupJobsOptions {
  state?: JobState | undefined
  /** How many jobs at the most, 1 to 500. Default 50. */
  limit?: number | undefined
  /** Where the last page ended. */
  cursor?: string | undefined
}

/** How a group ended. */
export interface GroupEnd {
  id: string
  state: 'closed' | 'cancelled'
  closedAt: Date
  then?: { worker: string; jobId?: string }
}

/** A group by its id. */
export interface GroupReference<Result> extends Omit<JobReference<Result>, 'id'> {
  readonly id: string
  /** Throws `UNKNOWN_GROUP`. */
  get(): Promise<GroupDetails>
  /** Its jobs, in the order in which they were given. Throws `UNKNOWN_GROUP`. */
  jobs(options?: GroupJobsOptions): Promise<JobPage>
  /** Cancels what is left; it gets no callback. Throws `UNKNOWN_GROUP`, and `WRONG_STATE` once it is closed. */
  cancel(): Promise<{ id: string; state: GroupState }>
  /**
   * Tries again to make the callback of a group that is stuck. Throws `UNKNOWN_GROUP`, and `WRONG_STATE` for one that
   * is not.
   */
  retry(): Promise<{ id: string; state: GroupState }>
  /**
   * Waits until all members are final. Throws `GroupTimeoutError` when the time is over (the group goes on), and
   * `ErrandError` `GROUP_STUCK` where its callback cannot be made, and `UNKNOWN_GROUP`.
   */
  end(options?: WaitOptions): Promise<GroupEnd>
}

/**
 * A group that was made just now. `receipt` and `result` are those of its callback, and throw `WRONG_STATE` where it
 * has none.
 */
export interface GroupHandle<Result> extends GroupReference<Result> {
  /** Its members; a nested group counts as one. */
  readonly total: number
}

export interface Grouping<Jobs extends Registry<Jobs>> {
  /**
   * Makes a group: all its jobs or none, nested ones too, up to 10,000 in all, in one request. `then` runs once when
   * all are final, with a summary of how they ended. Throws `ATOMIC_REFUSED` with issues that name the items, and
   * `PAYLOAD_TOO_LARGE`.
   */
  group<const Names extends readonly (keyof Jobs & string)[], const Name extends string = never>(
    jobs: readonly [...GroupItems<Jobs, Names>],
    options?: GroupOptions<Jobs, Name>,
  ): Promise<GroupHandle<[Name] extends [never] ? never : ResultOf<Jobs, Name & keyof Jobs>>>

  groups: {
    /**
     * A group whose id is known from elsewhere. Say what its callback is to have the result typed:
     * `errand.groups.of<'report.merge'>(id)`.
     */
    of<Name extends keyof Jobs = never>(
      id: string,
    ): GroupReference<[Name] extends [never] ? unknown : ResultOf<Jobs, Name>>
    /** Throws `UNKNOWN_GROUP`. */
    get(id: string): Promise<GroupDetails>
    /** Its jobs, in the order in which they were given. Throws `UNKNOWN_GROUP`. */
    jobs(id: string, options?: GroupJobsOptions): Promise<JobPage>
    /** Cancels what is left; it gets no callback. Throws `UNKNOWN_GROUP`, and `WRONG_STATE` once it is closed. */
    cancel(id: string): Promise<{ id: string; state: GroupState }>
    /**
     * Tries again to make the callback of a group that is stuck. Throws `UNKNOWN_GROUP`, and `WRONG_STATE` for one that
     * is not.
     */
    retry(id: string): Promise<{ id: string; state: GroupState }>
  }
}
