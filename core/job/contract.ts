/**
 * A contract is the part of a worker that the coordinator needs: schemas, policies and key functions, never `run`.
 * Here the options as written in jobs/ are checked, and given their defaults and plain numbers.
 */
import type * as z from 'zod/v4/core'
import type { Backoff } from './backoff.js'
import { defaultBackoff } from './backoff.js'
import type { ArgsSchema, JobOptions } from './defineJob.js'
import { tooDeep } from '../payload/depth.js'
import { parseDuration, type Duration } from '../time/duration.js'
import { ErrandError } from '../errors.js'
import { policySchema } from './policySchema.js'
import { firstVersion } from './migrate.js'
import { encodePayload } from '../payload/payload.js'
import { readRedactPath, type RedactPath } from './redactPath.js'
import { ruleProblems, type ScheduleRule } from '../time/scheduleRule.js'
import { parseSize } from '../payload/size.js'
import type { FinalState } from '../states.js'
import type { ThrottleRule } from './throttle.js'
import type { OnConflict } from './uniqueOptions.js'

/** A worker's exports, without `run` and what only `run` needs. */
export type ContractOptions = Omit<JobOptions<ArgsSchema, unknown>, 'run'>

export interface UniqueRule {
  /** A number is milliseconds from the enqueue. */
  until: 'started' | 'finished' | number
  onConflict: OnConflict
  maxWaitMs: number
}

export interface Contract {
  worker: string
  args: ArgsSchema
  version: number
  migrate: ((args: object, fromVersion: number) => unknown) | undefined
  result: z.$ZodType | undefined
  maxAttempts: number
  backoff: Backoff
  timeoutMs: number
  /** Of an attempt, heartbeats and all. At least `timeoutMs`. */
  maxRuntimeMs: number
  /** Of attempts beyond the first. */
  retryBudget: ThrottleRule | undefined
  throttle: (ThrottleRule & { key: ((args: unknown) => string) | undefined }) | undefined
  concurrency: { limit: number; key: ((args: unknown) => string) | undefined } | undefined
  unique: (UniqueRule & { key: (args: unknown) => string }) | undefined
  priority: number
  schedule: { rule: ScheduleRule; args: unknown; priority: number | undefined } | undefined
  keepMs: Record<FinalState, number>
  /** The largest args and result, as bytes of JSON; absent where the worker says none. */
  maxArgsBytes: number | undefined
  maxResultBytes: number | undefined
  /** How many jobs one call may carry. */
  jobsPerCall: number
  receipt: 'answered' | 'posted'
  redact: RedactPath[]
  /** Whether a job runs on the deployment it was enqueued with, as long as that lives. */
  pinned: boolean
  /** The deployment that it came with; absent where the coordinator has it itself. */
  deployment?: number
}

/** One policy that cannot work, and which: `path` leads to it inside the options. */
export interface PolicyProblem {
  path: string[]
  message: string
}

/** Gives the options their defaults. Throws `BAD_WORKER` with every problem where any policy cannot work. */
export function readContract(worker: string, options: ContractOptions): Contract {
  const problems = policyProblems(options)
  if (problems.length > 0) {
    const list = problems.map(({ path, message }) => `${path.join('.')}: ${message}`).join(' ')
    throw new ErrandError(
      'BAD_WORKER',
      `The contract of ${worker} cannot work. ${list} Mend it and run \`errand codegen\`.`,
    )
  }
  const { throttle, concurrency, unique, retry, schedule, keep } = options
  return {
    worker,
    args: options.args,
    version: options.version ?? firstVersion,
    migrate: options.migrate,
    result: options.result,
    maxAttempts: retry?.attempts ?? 5,
    backoff: retry?.backoff ?? defaultBackoff,
    timeoutMs: parseDuration(options.timeout ?? '30s')!,
    maxRuntimeMs: Math.max(parseDuration(options.maxRuntime ?? '24h')!, parseDuration(options.timeout ?? '30s')!),
    retryBudget: retry?.budget && rateOf(retry.budget),
    throttle: throttle && { ...rateOf(throttle), key: throttle.key },
    concurrency: concurrency && { limit: concurrency.limit, key: concurrency.key },
    unique: unique && {
      key: unique.key,
      until: parseDuration(unique.until) ?? (unique.until === 'started' ? 'started' : 'finished'),
      onConflict: unique.onConflict ?? 'return',
      maxWaitMs: parseDuration(unique.maxWait ?? '1h')!,
    },
    priority: options.priority ?? 0,
    schedule: schedule && readSchedule(schedule),
    keepMs: {
      succeeded: parseDuration(keep?.succeeded ?? '1d')!,
      failed: parseDuration(keep?.failed ?? '30d')!,
      cancelled: parseDuration(keep?.cancelled ?? '7d')!,
    },
    maxArgsBytes: parseSize(options.limits?.args),
    maxResultBytes: parseSize(options.limits?.result),
    jobsPerCall: options.jobsPerCall ?? 1,
    receipt: options.receipt ?? 'answered',
    redact: (options.redact ?? []).map(readRedactPath),
    pinned: options.deployment === 'pinned',
  }
}

const rateOf = ({ limit, per, burst = limit }: { limit: number; per: Duration; burst?: number }): ThrottleRule => ({
  intervalMs: parseDuration(per)! / limit,
  burst,
})

function readSchedule({ args, priority, ...rule }: NonNullable<ContractOptions['schedule']>): Contract['schedule'] {
  return { rule, args: args ?? {}, priority }
}

/** Everything wrong with a worker's policies at once. Knows nothing of files; codegen adds file, line and column. */
export function policyProblems(options: ContractOptions): PolicyProblem[] {
  return [
    ...optionProblems(options),
    ...migrateProblems(options),
    ...runtimeProblems(options),
    ...scheduleProblems(options.schedule),
  ]
}

/** Of each option on its own. */
const optionProblems = (options: ContractOptions): PolicyProblem[] =>
  (policySchema.safeParse(options).error?.issues ?? []).flatMap((issue) => {
    const path = issue.path.map(String)
    const { message } = issue
    return issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: [...path, key], message }))
      : [{ path, message }]
  })

const migrateProblems = ({ version = firstVersion, migrate }: ContractOptions): PolicyProblem[] =>
  migrate !== undefined && version === firstVersion
    ? [{ path: ['migrate'], message: 'is never called, because there is no version before 1. Raise `version`.' }]
    : []

/** Said outright, the two must go together. */
function runtimeProblems({ timeout = '30s', maxRuntime }: ContractOptions): PolicyProblem[] {
  const [shortest, longest] = [parseDuration(timeout), parseDuration(maxRuntime)]
  return shortest !== undefined && longest !== undefined && longest < shortest
    ? [{ path: ['maxRuntime'], message: `must not be shorter than the timeout, ${timeout}.` }]
    : []
}

function scheduleProblems(schedule: unknown): PolicyProblem[] {
  if (typeof schedule !== 'object' || schedule === null) return []
  const { args, ...rule } = schedule as NonNullable<ContractOptions['schedule']>
  return [
    ...ruleProblems(rule).map(({ field, message }) => ({ path: ['schedule', field], message })),
    ...carriageProblems(args),
  ]
}

/** They are written down when a coordinator starts, which a schedule of one worker must not keep it from. */
function carriageProblems(args: unknown = {}): PolicyProblem[] {
  try {
    encodePayload(args)
    return []
  } catch {
    const message = `cannot be carried: they are ${tooDeep()}, or hold what superjson has no words for.`
    return [{ path: ['schedule', 'args'], message }]
  }
}
