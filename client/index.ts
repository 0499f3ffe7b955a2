/** `import … from 'errand/client'`: enqueue jobs and wait for their receipts, typed by `jobs/registry.gen.ts`. */
export { createClient } from './createClient.js'
export type { ClientOptions } from './createClient.js'
export { GroupTimeoutError, JobFailedError, ReceiptTimeoutError } from './errors.js'
export { ErrandError } from '../core/errors.js'
export type { ErrorCode, Issue } from '../core/errors.js'
export type { Duration } from '../core/time/duration.js'
export type { Role } from '../core/roles.js'
export type { JobState } from '../core/states.js'
export type {
  AnyJobs,
  ArgsOf,
  Client,
  EnqueueOptions,
  OnConflict,
  UniqueOptions,
  UniqueUntil,
  Registry,
  ResultOf,
} from './types.js'
export type { ListedPause, Pause, PauseOptions, PauseTarget, Resumed } from './pauseTypes.js'
export type {
  PreviewOptions,
  ScheduleChange,
  Scheduled,
  ScheduleDetails,
  ScheduleOptions,
  SchedulePreview,
  Schedules,
} from './scheduleTypes.js'
export type { BulkCount, EraseFilter, ManyFilter, ManyJobs, ManyOutcome } from './bulkTypes.js'
export type { ActivateOptions, Deployment, DeploymentsClient, RegisterOptions, Switched } from './deploymentTypes.js'
export type { Tick, TickOptions } from './tickTypes.js'
export type { Why, WhyReason } from './whyTypes.js'
export type { DeployedWorker, WorkerPolicies, Workers, WorkerSummary } from './workerTypes.js'
export type { AuditEntry, AuditOptions, AuditPage, CreatedKey, CreateKeyOptions, KeyDetails } from './adminTypes.js'
export type {
  Callback,
  CallbackName,
  GroupDetails,
  GroupEnd,
  GroupHandle,
  GroupItems,
  GroupJobsOptions,
  GroupMember,
  GroupOptions,
  GroupPolicy,
  GroupProblem,
  GroupReference,
  GroupState,
  GroupSummary,
  NestedGroup,
} from './groupTypes.js'
export type {
  EnqueueItem,
  EnqueueManyOptions,
  EnqueueOutcome,
  ReceiptError,
  ShownArgs,
  LogLine,
  AttemptProgress,
  SuccessReceipt,
  FailureReceipt,
  Receipt,
  WaitOptions,
  JobReference,
  JobHandle,
  JobDetails,
  JobSummary,
  ListOptions,
  JobPage,
} from './jobTypes.js'
