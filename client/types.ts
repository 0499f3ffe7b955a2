/**
 * The types of the client. Behind them sits one plain engine keyed by name (createClient.ts), and nothing here comes
 * from zod, tRPC or the server, so that an app needs none of them to be checked.
 */
import type { Audit, Keys } from './adminTypes.js'
import type { AnyJobs, ArgsOf, EnqueueRest, KnownName, Registry, ResultOf } from '../core/job/registry.js'
import type { JobState } from '../core/states.js'
import type { ManyJobs } from './bulkTypes.js'
import type { Why } from './whyTypes.js'
import type { Workers } from './workerTypes.js'
import type { Grouping } from './groupTypes.js'
import type { Pausing } from './pauseTypes.js'
import type { Scheduled, ScheduleOptions, Schedules } from './scheduleTypes.js'
import type { DeploymentsClient } from './deploymentTypes.js'
import type { Ticking } from './tickTypes.js'
import type {
  EnqueueItems,
  EnqueueOutcomes,
  EnqueueManyOptions,
  JobReference,
  JobHandle,
  JobDetails,
  ListOptions,
  JobPage,
} from './jobTypes.js'

export type { AnyJobs, ArgsOf, Registry, ResultOf } from '../core/job/registry.js'
export type { EnqueueOptions } from '../core/job/enqueueOptions.js'
export type { OnConflict, UniqueOptions, UniqueUntil } from '../core/job/uniqueOptions.js'

/**
 * Every call throws `ErrandError`. Its code is `UNAVAILABLE` when the coordinator gave no answer, or had none of its
 * database; what was asked may have happened all the same. Enqueues are tried again for a while (`retryFor` of the
 * client): each job has an id, so it is made once however often it was sent. To try again later by yourself, give it
 * an `id` of your own. A coordinator that is overloaded is asked again when it said, by every call; where the time is
 * over the code is `OVERLOADED`, and nothing of the request was stored.
 */
export interface Client<Jobs extends Registry<Jobs> = AnyJobs>
  extends Pausing<keyof Jobs & string>, Grouping<Jobs>, Ticking {
  /**
   * Answers once the job is in the coordinator's journal. Calls of one turn travel in one request, and each gets its
   * own outcome. Throws `INVALID_ARGS` with the issues, `UNKNOWN_WORKER`, `INVALID_TIME`, and `KEY_TAKEN` with the
   * owner in `details.id`.
   */
  enqueue<Name extends string>(
    worker: KnownName<Jobs, Name>,
    ...rest: EnqueueRest<Jobs, Name>
  ): Promise<JobHandle<ResultOf<Jobs, Name & keyof Jobs>>>

  /**
   * Enqueues each item on its own and answers with the outcomes in their order: a bad item has its error there, and the
   * others go in. Many items take several requests. Throws if the first cannot be made; if a later one cannot, the
   * items from there on have its error. With `atomic` all items go in or none: then it throws `ATOMIC_REFUSED`, or
   * `PAYLOAD_TOO_LARGE` where they do not fit into one request.
   */
  enqueueMany<const Names extends readonly (keyof Jobs & string)[]>(
    items: readonly [...EnqueueItems<Jobs, Names>],
    options?: EnqueueManyOptions,
  ): Promise<EnqueueOutcomes<Jobs, Names>>

  /**
   * Makes a job at each occurrence of `cron` or `every`. Throws `INVALID_TIME` for a rule that cannot be read,
   * `INVALID_ARGS`, `UNKNOWN_WORKER`.
   */
  schedule<Name extends string>(
    worker: KnownName<Jobs, Name>,
    args: ArgsOf<Jobs, Name & keyof Jobs>,
    options: ScheduleOptions,
  ): Promise<Scheduled>

  /**
   * A job whose id is known from elsewhere. Say whose it is to have its result typed: `errand.job<'mail.send'>(id)`.
   */
  job<Name extends keyof Jobs = never>(
    id: string,
  ): JobReference<[Name] extends [never] ? unknown : ResultOf<Jobs, Name>>

  jobs: ManyJobs<keyof Jobs & string> & {
    /** Throws `UNKNOWN_JOB`. */
    get(id: string): Promise<JobDetails>
    list(options?: ListOptions<keyof Jobs & string>): Promise<JobPage>
    /** Tells what keeps a job from running now, in words and as data. Throws `UNKNOWN_JOB`. */
    why(id: string): Promise<Why>
    /**
     * A job that has not begun never will; one that runs is told to stop. Throws `UNKNOWN_JOB`, and `WRONG_STATE` once
     * it has ended.
     */
    cancel(id: string): Promise<{ id: string; state: JobState }>
    /**
     * Gives a final job new attempts. With `now`, a job that waits for its next attempt or its time is due at once.
     * Throws `UNKNOWN_JOB`, `WRONG_STATE` for a job in another state, and `KEY_TAKEN`.
     */
    retry(id: string, options?: { now?: boolean | undefined }): Promise<{ id: string; state: JobState }>
    /**
     * Makes a new job from a final one, with its args as they were or with others; both are checked by the worker's
     * schema of today. Say whose it is to have args and result typed: `errand.jobs.replay<'mail.send'>(id, { args })`.
     * Throws `UNKNOWN_JOB`, `WRONG_STATE` before it has ended, `INVALID_ARGS`, `UNKNOWN_WORKER`, and `KEY_TAKEN` where
     * another job holds its key.
     */
    replay<Name extends keyof Jobs = never>(
      id: string,
      options?: { args?: ([Name] extends [never] ? object : ArgsOf<Jobs, Name>) | undefined },
    ): Promise<JobHandle<[Name] extends [never] ? unknown : ResultOf<Jobs, Name>>>
  }
  schedules: Schedules
  deployments: DeploymentsClient
  keys: Keys
  audit: Audit
  workers: Workers
}
