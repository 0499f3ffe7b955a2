/** `import … from 'errand'`: all that a module in jobs/ needs. Nothing here pulls zod, the database or a server into a function's bundle. */
export { defineJob } from './defineJob.js'
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
} from './defineJob.js'
export type { OnConflict, UniqueOptions, UniqueUntil } from './uniqueOptions.js'
export { groupSummary } from './groupSummary.js'
export type { GroupMember, GroupSummary } from './groupTypes.js'
export type { Backoff } from './backoff.js'
export type { Duration } from './duration.js'
export type { Size } from './size.js'
export { Fatal, RetryAfter, Snooze } from './outcome.js'
export { ErrandError } from './errors.js'
export type { ErrorCode, Issue } from './errors.js'
export type { EnqueueFollowUp, FollowUp, FollowUpOptions } from './followUpOptions.js'
export type { EnqueueOptions } from './enqueueOptions.js'
// all of it, because declaration merging goes through `export *` alone
export type * from './register.js'
export type { JobState } from './states.js'
