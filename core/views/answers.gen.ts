/**
 * What callers get, as it travels. Times are ISO 8601.
 * Made from core/answers by `npx vitest run test/core/answers --update`. Do not edit.
 */

export interface IssueView {
  path: (string | number)[]
  code: string
  message: string
}

export interface WireError {
  code: string
  /** What happened, to which thing, and what to do next. */
  message: string
  /** Where the docs of the package tell what the code means, and what to do. */
  docs: string
  issues?: IssueView[]
  [key: string]: unknown
}

export interface PauseView {
  scope: 'all' | 'worker' | 'key'
  worker?: string
  key?: string
  /** There is a key, and it is not for this API key, which may not see args; nor is it where the worker redacts any. */
  keyHidden?: true
  /** The name of the API key that paused it; `circuit breaker` where Errand did, because the function fails. */
  by: string
  at: string
  reason?: string
  /**
   * Of a circuit breaker's: one job is tried then, and the others follow when the function answers. Absent where an
   * operator has to resume it.
   */
  until?: string
}

export interface ListedPause {
  scope: 'all' | 'worker' | 'key'
  worker?: string
  key?: string
  /** There is a key, and it is not for this API key, which may not see args; nor is it where the worker redacts any. */
  keyHidden?: true
  /** The name of the API key that paused it; `circuit breaker` where Errand did, because the function fails. */
  by: string
  at: string
  reason?: string
  /**
   * Of a circuit breaker's: one job is tried then, and the others follow when the function answers. Absent where an
   * operator has to resume it.
   */
  until?: string
  /**
   * How many jobs it keeps from starting that would be claimed otherwise; 10,000 stands for as many or more. Of
   * everything this is not counted.
   */
  waiting?: number
}

export interface Resumed {
  scope: 'all' | 'worker' | 'key'
  worker?: string
  key?: string
  /** There is a key, and it is not for this API key, which may not see args; nor is it where the worker redacts any. */
  keyHidden?: true
  /** The name of the API key that paused it; `circuit breaker` where Errand did, because the function fails. */
  by: string
  at: string
  reason?: string
  /**
   * Of a circuit breaker's: one job is tried then, and the others follow when the function answers. Absent where an
   * operator has to resume it.
   */
  until?: string
  /** How many waiting jobs may start at once. Where very many wait, the rest follow by themselves. */
  released: number
}

export interface ErrorView {
  name: string
  message: string
  code?: string | undefined
  /** Points into the worker's TypeScript source. */
  stack?: string | undefined
  cause?: ErrorView | undefined
}

export interface ReceiptView {
  /** Counts from 1. */
  attempt: number
  status: 'success' | 'failure'
  /** It came after its attempt had been cancelled, and changed nothing. */
  late?: true
  result?: unknown
  /** superjson's meta for `result`. */
  resultMeta?: unknown
  /** There is a result, and it is not for this API key; or it is not known what to redact of it. */
  resultHidden?: true
  /** Why the stored result cannot be shown to any caller, or not as `run` returned it. */
  resultProblem?: string
  /** `code` is `TIMEOUT` where the attempt gave no receipt before its deadline. */
  error?: ErrorView
  /** How far the attempt is, or was at its end. Absent where it told nothing. */
  progress?: {
    fraction: number
    note?: string
    /** When the coordinator heard it. */
    at: string
  }
  /** Lines of the log, oldest first; absent where nothing was logged. */
  log?: {
    /** By the function's clock. */
    at: string
    message: string
    fields?: {
      [key: string]: unknown
    }
  }[]
  /** How many older lines were dropped, because a log keeps 100 lines and 16 kB. Absent where none was. */
  logDropped?: number
  startedAt: string
  finishedAt: string
}

export interface JobView {
  id: string
  /** The name of the worker. */
  worker: string
  state: 'scheduled' | 'queued' | 'blocked' | 'running' | 'succeeded' | 'failed' | 'cancelled'
  /** The attempt that runs or ran last; 0 before the first. */
  attempt: number
  maxAttempts: number
  /** How often the job snoozed; absent where it never did. */
  snoozes?: number
  /** Higher runs first. */
  priority: number
  /** Not before this moment. */
  runAt: string
  createdAt: string
  finishedAt?: string
  /** Hidden with the args, and where their worker redacts any. */
  key?: string
  /** The schedule that made it. */
  scheduleId?: string
  /** The group it is a member of. */
  groupId?: string
  /** The group whose callback it is. */
  callbackOfGroupId?: string
  /** The job that it was made from by a replay. */
  replayOf?: string
  /** The pause that keeps a job that waits from starting. */
  paused?: PauseView
  /** The job that enqueued this one while it ran. */
  parent?: string
  /** The deployment it was enqueued with; absent where none was live. */
  deployment?: number
  /** It runs on the function of that one, as long as that lives. */
  pinned?: true
  /** False while no deployed worker has the job's name; the job waits until it is back. */
  workerKnown: boolean
  /** Fields that the worker's `redact` names are `[redacted]`. Null where all are hidden. */
  args: unknown
  /** superjson's meta for `args`, where they hold what JSON cannot say. */
  argsMeta?: unknown
  /**
   * They are not for this API key; or it is not known what to redact, because their worker is not deployed or has
   * another version; or a list would be too large with them; or see `argsProblem`.
   */
  argsHidden?: true
  /** Why the stored args cannot be shown to any caller, or not as they were given. */
  argsProblem?: string
  /** Something in them is `[redacted]`, so they are not what was enqueued. */
  argsRedacted?: true
  /** Of the contract that took the args; absent for version 1. */
  argsVersion?: number
  /** Args, keys, receipts and log were deleted; `args` are null. */
  erased?: true
  /** How far the attempt is, or was at its end. Absent where it told nothing. */
  progress?: {
    fraction: number
    note?: string
    /** When the coordinator heard it. */
    at: string
  }
  /** Lines of the log, oldest first; absent where nothing was logged. */
  log?: {
    /** By the function's clock. */
    at: string
    message: string
    fields?: {
      [key: string]: unknown
    }
  }[]
  /** How many older lines were dropped, because a log keeps 100 lines and 16 kB. Absent where none was. */
  logDropped?: number
  /** One for each attempt that is over, in their order. */
  receipts: ReceiptView[]
}

export interface JobRow {
  id: string
  /** The name of the worker. */
  worker: string
  state: 'scheduled' | 'queued' | 'blocked' | 'running' | 'succeeded' | 'failed' | 'cancelled'
  /** The attempt that runs or ran last; 0 before the first. */
  attempt: number
  maxAttempts: number
  /** How often the job snoozed; absent where it never did. */
  snoozes?: number
  /** Higher runs first. */
  priority: number
  /** Not before this moment. */
  runAt: string
  createdAt: string
  finishedAt?: string
  /** Hidden with the args, and where their worker redacts any. */
  key?: string
  /** The schedule that made it. */
  scheduleId?: string
  /** The group it is a member of. */
  groupId?: string
  /** The group whose callback it is. */
  callbackOfGroupId?: string
  /** The job that it was made from by a replay. */
  replayOf?: string
  /** The pause that keeps a job that waits from starting. */
  paused?: PauseView
  /** The job that enqueued this one while it ran. */
  parent?: string
  /** The deployment it was enqueued with; absent where none was live. */
  deployment?: number
  /** It runs on the function of that one, as long as that lives. */
  pinned?: true
  /** False while no deployed worker has the job's name; the job waits until it is back. */
  workerKnown: boolean
  /** Fields that the worker's `redact` names are `[redacted]`. Null where all are hidden. */
  args: unknown
  /** superjson's meta for `args`, where they hold what JSON cannot say. */
  argsMeta?: unknown
  /**
   * They are not for this API key; or it is not known what to redact, because their worker is not deployed or has
   * another version; or a list would be too large with them; or see `argsProblem`.
   */
  argsHidden?: true
  /** Why the stored args cannot be shown to any caller, or not as they were given. */
  argsProblem?: string
  /** Something in them is `[redacted]`, so they are not what was enqueued. */
  argsRedacted?: true
  /** Of the contract that took the args; absent for version 1. */
  argsVersion?: number
  /** Args, keys, receipts and log were deleted; `args` are null. */
  erased?: true
  /** How far the attempt is, or was at its end. Absent where it told nothing. */
  progress?: {
    fraction: number
    note?: string
    /** When the coordinator heard it. */
    at: string
  }
}

export interface JobPage {
  /** Newest first. */
  jobs: JobRow[]
  /** Where the next page begins; null on the last one. */
  cursor: string | null
}

export interface Enqueued {
  id: string
  state: 'scheduled' | 'queued' | 'blocked' | 'running' | 'succeeded' | 'failed' | 'cancelled'
  /** Not before this moment. */
  runAt: Date
  /** The job was there before: it has the id, or holds the key, of the one that was asked for. */
  existing?: true
}

export interface Replayed {
  id: string
  state: 'scheduled' | 'queued' | 'blocked' | 'running' | 'succeeded' | 'failed' | 'cancelled'
  /** Not before this moment. */
  runAt: Date
  /** The job was there before: it has the id, or holds the key, of the one that was asked for. */
  existing?: true
  replayOf: string
}

export type EnqueueOutcome =
  | {
      ok: true
      id: string
      state: 'scheduled' | 'queued' | 'blocked' | 'running' | 'succeeded' | 'failed' | 'cancelled'
      runAt: string
      /** The job was there before: it has the id, or holds the key, of the one that was asked for. */
      existing?: true
    }
  | {
      ok: false
      error: WireError
    }

export interface EnqueuedMany {
  outcomes: EnqueueOutcome[]
}

export interface JobStateView {
  id: string
  state: 'scheduled' | 'queued' | 'blocked' | 'running' | 'succeeded' | 'failed' | 'cancelled'
}

export interface JobEnd {
  id: string
  state: 'succeeded' | 'failed' | 'cancelled'
  finishedAt: string
  /** Of the last attempt. Absent where the job was cancelled. */
  receipt?: ReceiptView
}

export interface NoJob {
  id: string
  state: null
}

export interface WaitManyAnswer {
  ended: (JobEnd | NoJob)[]
  /** The other jobs, as they are. */
  waiting: JobStateView[]
}

export interface ErrorName {
  name: string
  code?: string
}

export type WhyReason =
  | {
      kind: 'final'
      /** In words. */
      message: string
      state: 'succeeded' | 'failed' | 'cancelled'
      finishedAt: string
      attempt: number
      maxAttempts: number
      error?: ErrorName
    }
  | {
      kind: 'claimed'
      /** In words. */
      message: string
      since: string
      /** Of the coordinator that answers. */
      lanes: {
        taken: number
        limit: number
      }
    }
  | {
      kind: 'running'
      /** In words. */
      message: string
      attempt: number
      maxAttempts: number
      startedAt: string
      deadline: string
    }
  | {
      kind: 'paused'
      /** In words. */
      message: string
      scope: 'all' | 'worker' | 'key'
      worker?: string
      key?: string
      /**
       * There is a key, and it is not for this API key, which may not see args; nor is it where the worker redacts any.
       */
      keyHidden?: true
      /** The name of the API key that paused it; `circuit breaker` where Errand did, because the function fails. */
      by: string
      at: string
      reason?: string
      /**
       * Of a circuit breaker's: one job is tried then, and the others follow when the function answers. Absent where an
       * operator has to resume it.
       */
      until?: string
    }
  | {
      kind: 'broken'
      /** In words. */
      message: string
      /** The name of the worker. */
      worker: string
      since: string
      /** One job tries the function then. */
      until: string
      code: string
      /** How often it was tried again, in vain. */
      times: number
    }
  | {
      kind: 'not-deployed'
      /** In words. */
      message: string
      /** The name of the worker. */
      worker: string
      /** The deployed worker whose name is most like it. */
      nearest?: string
      /** The live one, which does not have it. */
      deployment?: number
    }
  | {
      kind: 'atomic'
      /** In words. */
      message: string
    }
  | {
      kind: 'not-due'
      /** In words. */
      message: string
      until: string
    }
  | {
      kind: 'retry'
      /** In words. */
      message: string
      until: string
      attempt: number
      maxAttempts: number
      error?: ErrorName
    }
  | {
      kind: 'snoozed'
      /** In words. */
      message: string
      until: string
      snoozes: number
    }
  | {
      kind: 'throttled'
      /** In words. */
      message: string
      /** The name of the worker. */
      worker: string
      key?: string
      keyHidden?: true
      /** An estimate. */
      until: string
      /** Throttled jobs of the key that come earlier. */
      before: number
      /** Absent where the worker has none any more. */
      rule?: {
        intervalMs: number
        burst: number
      }
    }
  | {
      kind: 'over-budget'
      /** In words. */
      message: string
      /** The name of the worker. */
      worker: string
      /** An estimate. */
      until: string
      /** Retries of the worker that come earlier. */
      before: number
      /** Absent where the worker has none any more. */
      rule?: {
        intervalMs: number
        burst: number
      }
    }
  | {
      kind: 'blocked'
      /** In words. */
      message: string
      /** The name of the worker. */
      worker: string
      key?: string
      keyHidden?: true
      limit?: number
      holding: number
      /**
       * The runs that use the key's slots, at most a hundred of them: each until its function has answered, or until
       * `until`, also where its job has moved on.
       */
      users: {
        id: string
        since: string
        until: string
      }[]
      /** Blocked jobs that are better. */
      before: number
    }
  | {
      kind: 'busy'
      /** In words. */
      message: string
      /** Queued jobs that are better. */
      before: number
      /** Of the coordinator that answers. */
      lanes: {
        taken: number
        limit: number
      }
    }
  | {
      kind: 'waiting-for-coordinator'
      /** In words. */
      message: string
      step: 'stage' | 'release'
      since?: string
    }
  | {
      kind: 'failing'
      /** In words. */
      message: string
      /** The name of the worker. */
      worker: string
      receipts: number
      error: ErrorName
      at: string
    }

export interface WhyView {
  id: string
  /** The name of the worker. */
  worker: string
  state: 'scheduled' | 'queued' | 'blocked' | 'running' | 'succeeded' | 'failed' | 'cancelled'
  running: boolean
  /** The reason that would have to go first stands first. */
  reasons: WhyReason[]
}

export interface ScheduleView {
  id: string
  /** The name of the worker. */
  worker: string
  cron?: string
  every?: `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`
  timezone: string
  dstGap: 'skip' | 'after'
  dstOverlap: 'first' | 'both'
  spread?: `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`
  missed: 'skip' | 'last' | 'all'
  overlap: 'allow' | 'skip' | 'queue'
  /** Fields that the worker's `redact` names are `[redacted]`. Null where all are hidden. */
  args: unknown
  /** superjson's meta for `args`, where they hold what JSON cannot say. */
  argsMeta?: unknown
  /**
   * They are not for this API key; or it is not known what to redact, because their worker is not deployed or has
   * another version; or a list would be too large with them; or see `argsProblem`.
   */
  argsHidden?: true
  /** Why the stored args cannot be shown to any caller, or not as they were given. */
  argsProblem?: string
  /** Something in them is `[redacted]`, so they are not what was enqueued. */
  argsRedacted?: true
  /** Of the contract that took the args; absent for version 1. */
  argsVersion?: number
  /** Absent where it is the worker's. */
  priority?: number
  /** Null where the rule has no occurrence any more, and while it is paused. */
  nextRunAt: string | null
  /** Only while it is paused. */
  pausedAt?: string
  /** The last occurrence that made a job. */
  lastRunAt: string | null
  /** With `overlap: 'queue'`: how many occurrences wait for the end of a job. */
  waiting: number
  /** `code`: from a worker's `schedule` option. `api`: made at run time. */
  source: 'code' | 'api'
  createdAt: string
}

export interface ScheduleList {
  schedules: ScheduleView[]
}

export interface Scheduled {
  scheduleId: string
  /** Null where the rule has no occurrence any more, and while it is paused. */
  nextRunAt: Date | null
}

export interface SchedulePreview {
  cron?: string
  every?: `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`
  timezone: string
  dstGap: 'skip' | 'after'
  dstOverlap: 'first' | 'both'
  spread?: `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`
  occurrences: {
    at: string
    /** ISO 8601 in the schedule's time zone, with its offset then. */
    local: string
  }[]
}

export interface GroupView {
  id: string
  state: 'open' | 'stuck' | 'closed' | 'cancelled'
  /** The callback, and its job once the group is closed. */
  then?: {
    worker: string
    jobId?: string
  }
  /** Why its callback cannot be made. */
  problem?: {
    code: string
    message: string
    issues?: IssueView[]
  }
  closedAt?: string
  policy: 'continue' | 'wait' | 'cancelRest'
  /** Its members; a nested group counts as one. */
  total: number
  /** Members that still keep it open. */
  open: number
  /** How many of its jobs are in each state, callbacks of nested groups included; states without a job are left out. */
  counts: {
    scheduled?: number
    queued?: number
    blocked?: number
    running?: number
    succeeded?: number
    failed?: number
    cancelled?: number
  }
  /** The groups nested in it. */
  groups: {
    id: string
    state: 'open' | 'stuck' | 'closed' | 'cancelled'
    total: number
  }[]
  /** The group it is nested in. */
  parentId?: string
  createdAt: string
}

export interface GroupMade {
  id: string
  state: 'open' | 'stuck' | 'closed' | 'cancelled'
  /** Its members; a nested group counts as one. */
  total: number
}

export interface GroupStateView {
  id: string
  state: 'open' | 'stuck' | 'closed' | 'cancelled'
}

export interface GroupEnd {
  id: string
  state: 'open' | 'stuck' | 'closed' | 'cancelled'
  /** The callback, and its job once the group is closed. */
  then?: {
    worker: string
    jobId?: string
  }
  /** Why its callback cannot be made. */
  problem?: {
    code: string
    message: string
    issues?: IssueView[]
  }
  closedAt?: string
}

export interface GroupJobPage {
  /** In the order in which they were given. */
  jobs: JobRow[]
  /** Where the next page begins; null on the last one. */
  cursor: string | null
}

export interface BulkCount {
  /** 100,000 stands for as many or more. */
  count: number
  /** For the operation itself. */
  token: string
}

export interface BulkOutcome {
  /** Jobs of this page that the filter takes. */
  matched: number
  /** Those of them that were retried, replayed, cancelled or erased. */
  done: number
  /** Why the others were not; at most a hundred of them. */
  skipped: {
    id: string
    code: string
    message: string
  }[]
  /** Where the next page begins; null on the last one. */
  cursor: string | null
}

export interface DeploymentView {
  id: number
  /** Coordinators work by it. At most one is. */
  live: boolean
  /** Where the functions are, in one of the forms of ERRAND_FUNCTIONS_URL. */
  functions: string
  /** How many it has. */
  workers: number
  /** The platforms it was built for. */
  targets?: ('node' | 'vercel' | 'aws-lambda' | 'cloudflare')[]
  note?: string
  createdAt: string
  createdBy: string
  /** It can go live no more, and jobs that were pinned to it run on the one that is live. */
  retiredAt?: string
}

export interface Deployments {
  /** Newest first, at most a hundred. */
  deployments: DeploymentView[]
}

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

export interface WorkerPolicies {
  maxAttempts: number
  /** The policy, the list of waits, or `function` where it is one. */
  backoff:
    | 'function'
    | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`[]
    | {
        [key: string]: unknown
      }
  /** Of attempts beyond the first. */
  retryBudget?: {
    /** One start in so many milliseconds. */
    intervalMs: number
    burst: number
  }
  timeoutMs: number
  /** Of an attempt, heartbeats and all. */
  maxRuntimeMs: number
  throttle?: {
    /** One start in so many milliseconds. */
    intervalMs: number
    burst: number
    /** Whether each key has its own; else all jobs share one. */
    keyed: boolean
  }
  concurrency?: {
    limit: number
    /** Whether each key has its own; else all jobs share one. */
    keyed: boolean
  }
  unique?: {
    /** A number is milliseconds from the enqueue. */
    until: 'started' | 'finished' | number
    onConflict: 'return' | 'reject' | 'replace' | 'debounce'
    maxWaitMs: number
  }
  priority: number
  /** The rule that it was given in code. */
  schedule?: {
    [key: string]: unknown
  }
  /** How long a job is kept once it is final. */
  keepMs: {
    succeeded: number
    failed: number
    cancelled: number
  }
  maxArgsBytes?: number
  maxResultBytes?: number
  /** How many jobs one call may carry. */
  jobsPerCall: number
  receipt: 'answered' | 'posted'
  /** Paths into args and results that are not shown. */
  redact?: string[]
  /** A job runs on the deployment it was enqueued with, as long as that lives. */
  pinned?: true
}

export interface WorkerView {
  name: string
  /** Of its args. */
  version: number
  /** The one that is live; absent where none is. */
  deployment?: number
  /** Where its function is called; absent where no address is known. */
  address?: string
  /** Its jobs that are not final. */
  counts: {
    scheduled: number
    queued: number
    blocked: number
    running: number
  }
  /** The pause that keeps its jobs from starting. */
  paused?: PauseView
  /** Why its contract cannot be loaded; then it has no policies. */
  problem?: string
  policies?: WorkerPolicies
}

export interface WorkerList {
  /** In the order of the alphabet. */
  workers: WorkerView[]
}

export interface WorkerDetails {
  name: string
  /** Of its args. */
  version: number
  /** The one that is live; absent where none is. */
  deployment?: number
  /** Where its function is called; absent where no address is known. */
  address?: string
  /** Its jobs that are not final. */
  counts: {
    scheduled: number
    queued: number
    blocked: number
    running: number
  }
  /** The pause that keeps its jobs from starting. */
  paused?: PauseView
  /** Why its contract cannot be loaded; then it has no policies. */
  problem?: string
  policies?: WorkerPolicies
  /** JSON Schema. What JSON cannot say takes any value in it. */
  args?: {
    [key: string]: unknown
  }
  /** JSON Schema, where the worker has a `result` schema. */
  result?: {
    [key: string]: unknown
  }
  /** Args that the schema takes; absent where none could be made from the schema alone. */
  example?: unknown
}

export interface KeyView {
  name: string
  role: 'enqueue' | 'observe' | 'deploy' | 'operate'
  /** Of `enqueue`: the workers it may enqueue; absent for all. */
  workers?: string[]
  /** Of `observe`: whether args and results are shown. */
  args?: boolean
  /** `setting`: an entry of ERRAND_API_KEYS on the coordinator that answered; of those nothing below is known. */
  source: 'stored' | 'setting'
  createdAt?: string
  /** The name of the key that made it; `local` where none was required. */
  createdBy?: string
  /** Within a minute; absent where the key was never used. */
  lastUsedAt?: string
}

export interface CreatedKey {
  name: string
  role: 'enqueue' | 'observe' | 'deploy' | 'operate'
  /** Of `enqueue`: the workers it may enqueue; absent for all. */
  workers?: string[]
  /** Of `observe`: whether args and results are shown. */
  args?: boolean
  /** `setting`: an entry of ERRAND_API_KEYS on the coordinator that answered; of those nothing below is known. */
  source: 'stored' | 'setting'
  createdAt?: string
  /** The name of the key that made it; `local` where none was required. */
  createdBy?: string
  /** Within a minute; absent where the key was never used. */
  lastUsedAt?: string
  /** Shown this once. */
  key: string
  /** Until this key there was none, and everything was open. */
  first?: true
}

export interface AuditEntry {
  id: string
  at: string
  /** The name of the key, and the role it acted in; `local` where no key was required. */
  by: {
    name: string
    role: 'enqueue' | 'observe' | 'deploy' | 'operate'
  }
  /** The procedure, such as `jobs.cancel`. */
  action: string
  /** The thing it was about. Never args, results or keys. */
  target: {
    [key: string]: string | number | boolean
  }
  /** `ok`, an error's code, or `begun` where the end is not known: it runs now, or its coordinator died. */
  outcome: string
}

export interface AuditPage {
  /** Newest first. */
  entries: AuditEntry[]
  /** Where the next page begins; null on the last one. */
  cursor: string | null
}

export interface WaitingPage {
  /** Scheduled, queued, blocked and running jobs, newest first. A page may hold none and not be the last. */
  jobs: (
    | {
        id: string
        /** The name of the worker. */
        worker: string
        /** JSON, as a contract took it: text, because most of it is only passed on. */
        args: string
        /** superjson's meta, as JSON. */
        argsMeta?: string
        /** Of the contract that took the args; absent for version 1. */
        argsVersion?: number
      }
    | {
        id: string
        /** The name of the worker. */
        worker: string
        argsHidden: true
      }
  )[]
  /** Where the next page begins; null on the last one. */
  cursor: string | null
}

export interface TickSummary {
  /** Scheduled jobs that became due. */
  staged: number
  /** Schedules that fired. */
  fired: number
  /** Attempts whose receipt was missing. */
  reaped: number
  /** Final jobs that went after their keep time. */
  purged: number
  /** Attempts that began on this coordinator meanwhile. */
  started: number
  /** Attempts whose call has ended meanwhile: with a receipt, or because the function posts it. */
  finished: number
  /** Whether jobs that may start were left behind when the time was over. */
  more: boolean
  /** When the next scheduled job or schedule is due; null where there is none. */
  nextAt: string | null
}
