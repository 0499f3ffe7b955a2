/**
 * `import … from 'errand'`: all that a module in jobs/ needs. Nothing here pulls zod, the database or a server into a
 * function's bundle.
 */
export { defineJob } from './job/defineJob.js'
export type {
  ArgsSchema,
  ConcurrencyPolicy,
  Job,
  JobContext,
  JobOptions,
  KeepPolicy,
  LimitsPolicy,
  RetryPolicy,
  SchedulePolicy,
  ThrottlePolicy,
  UniquePolicy,
} from './job/defineJob.js'
export type { OnConflict, UniqueOptions, UniqueUntil } from './job/uniqueOptions.js'
export { groupSummary } from './job/groupSummary.js'
export type { GroupMember, GroupSummary } from './views/groupTypes.js'
export type { Backoff } from './job/backoff.js'
export type { Duration } from './time/duration.js'
export type { Size } from './payload/size.js'
export { Fatal, RetryAfter, Snooze } from './job/outcome.js'
export { ErrandError } from './errors.js'
export type { ErrorCode, Issue } from './errors.js'
export type { EnqueueChild, ChildJob, ChildOptions } from './job/childOptions.js'
export type { EnqueueOptions } from './job/enqueueOptions.js'
// all of it, because declaration merging goes through `export *` alone
export type * from './job/register.js'
export type { JobState } from './states.js'
