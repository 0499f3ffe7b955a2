/**
 * A contract is the part of a worker that the coordinator needs: schemas, policies and key functions, never `run`.
 * Here the options as written in jobs/ are checked, and given their defaults and plain numbers.
 */
import type * as z from 'zod/v4/core'
import type { Backoff } from './backoff.js'
import { defaultBackoff } from './backoff.js'
import type { ArgsSchema, JobOptions } from './defineJob.js'
import { tooDeep } from '../payload/depth.js'
import { durationProblem, parseDuration, type Duration } from '../time/duration.js'
import { ErrandError } from '../errors.js'
import { firstVersion } from './migrate.js'
import { encodePayload } from '../payload/payload.js'
import { readRedactPath, redactPathProblem, type RedactPath } from './redactPath.js'
import { ruleFields, ruleProblems, type ScheduleRule } from '../time/scheduleRule.js'
import { parseSize } from '../payload/size.js'
import type { FinalState } from '../states.js'
import type { ThrottleRule } from './throttle.js'
import { onConflicts, type OnConflict } from './uniqueOptions.js'

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

/** Whether a key function may return it. */
export const isKey = (key: unknown): key is string => typeof key === 'string' && key.length <= maxKeyLength
export const maxKeyLength = 512

export const workerNamePattern = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/

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
    ...schemaProblems(options),
    ...unknownOptions(
      options,
      [
        'args',
        'version',
        'migrate',
        'result',
        'retry',
        'timeout',
        'maxRuntime',
        'throttle',
        'concurrency',
        'unique',
        'priority',
        'schedule',
        'keep',
        'limits',
        'jobsPerCall',
        'receipt',
        'redact',
        'deployment',
        'run',
      ],
      [],
    ),
    ...versionProblems(options),
    ...retryProblems(options.retry),
    ...durationProblems(
      [
        ['timeout', options.timeout],
        ['maxRuntime', options.maxRuntime],
      ],
      { positive: true },
    ),
    ...runtimeProblems(options),
    ...throttleProblems(options.throttle),
    ...concurrencyProblems(options.concurrency),
    ...uniqueProblems(options.unique),
    ...integerProblems('priority', options.priority, -1000, 1000),
    ...scheduleProblems(options.schedule),
    ...keepProblems(options.keep),
    ...limitsProblems(options.limits),
    ...integerProblems('jobsPerCall', options.jobsPerCall, 1, 500),
    ...choiceProblems('receipt', options.receipt, ['answered', 'posted']),
    ...choiceProblems('deployment', options.deployment, ['latest', 'pinned']),
    ...redactProblems(options.redact),
  ]
}

function schemaProblems({ args, result }: ContractOptions): PolicyProblem[] {
  const problems: PolicyProblem[] = []
  if (!isSchema(args)) problems.push({ path: ['args'], message: 'must be a zod 4 schema, such as z.object({ … }).' })
  if (result !== undefined && !isSchema(result)) problems.push({ path: ['result'], message: 'must be a zod 4 schema.' })
  return problems
}

function versionProblems({ version, migrate }: ContractOptions): PolicyProblem[] {
  return [
    ...integerProblems('version', version, firstVersion, 1_000_000),
    ...functionProblems('migrate', migrate, 'must be a function of the old args and their version.'),
    ...(migrate !== undefined && (version ?? firstVersion) === firstVersion
      ? [{ path: ['migrate'], message: 'is never called, because there is no version before 1. Raise `version`.' }]
      : []),
  ]
}

const isSchema = (value: unknown): boolean => typeof value === 'object' && value !== null && '_zod' in value

function unknownOptions(value: object, known: string[], path: string[]): PolicyProblem[] {
  return Object.keys(value)
    .filter((name) => !known.includes(name))
    .map((name) => ({ path: [...path, name], message: `is no option. Known here: ${known.join(', ')}.` }))
}

function retryProblems(retry: ContractOptions['retry']): PolicyProblem[] {
  if (retry === undefined) return []
  return [
    ...unknownOptions(retry, ['attempts', 'backoff', 'budget'], ['retry']),
    ...integerProblems('retry.attempts', retry.attempts, 1, 1000),
    ...backoffProblems(retry.backoff),
    ...(retry.budget === undefined ? [] : rateProblems(retry.budget, 'retry.budget', ['limit', 'per'])),
  ]
}

function backoffProblems(backoff: Backoff | undefined): PolicyProblem[] {
  const path = 'retry.backoff'
  if (backoff === undefined || typeof backoff === 'function') return []
  if (Array.isArray(backoff)) {
    if (backoff.length === 0) return [{ path: path.split('.'), message: 'needs at least one duration in its list.' }]
    return durationProblems(backoff.map((delay, index) => [`${path}.${index}`, delay]))
  }
  const policy = backoff as Exclude<Backoff, readonly unknown[] | ((...args: never[]) => unknown)>
  const required = (name: string, value: unknown): PolicyProblem[] =>
    value === undefined
      ? [{ path: [...path.split('.'), name], message: 'is missing. It takes a duration.' }]
      : durationProblems([[`${path}.${name}`, value]])
  switch (policy.kind) {
    case 'fixed':
      return [...unknownOptions(policy, ['kind', 'delay'], path.split('.')), ...required('delay', policy.delay)]
    case 'linear':
      return [
        ...unknownOptions(policy, ['kind', 'step', 'max'], path.split('.')),
        ...required('step', policy.step),
        ...durationProblems([[`${path}.max`, policy.max]]),
      ]
    case 'exponential':
      return [
        ...unknownOptions(policy, ['kind', 'base', 'max', 'jitter'], path.split('.')),
        ...required('base', policy.base),
        ...durationProblems([[`${path}.max`, policy.max]]),
      ]
    default:
      return [{ path: [...path.split('.'), 'kind'], message: `must be 'fixed', 'linear' or 'exponential'.` }]
  }
}

/** Said outright, the two must go together. */
function runtimeProblems({ timeout = '30s', maxRuntime }: ContractOptions): PolicyProblem[] {
  const [shortest, longest] = [parseDuration(timeout), parseDuration(maxRuntime)]
  return shortest !== undefined && longest !== undefined && longest < shortest
    ? [{ path: ['maxRuntime'], message: `must not be shorter than the timeout, ${timeout}.` }]
    : []
}

function throttleProblems(throttle: ContractOptions['throttle']): PolicyProblem[] {
  if (throttle === undefined) return []
  return [
    ...rateProblems(throttle, 'throttle', ['limit', 'per', 'burst', 'key']),
    ...integerProblems('throttle.burst', throttle.burst, 1, 1_000_000),
    ...functionProblems('throttle.key', throttle.key),
  ]
}

function rateProblems(rate: { limit: number; per: Duration }, name: string, known: string[]): PolicyProblem[] {
  const path = name.split('.')
  return [
    ...unknownOptions(rate, known, path),
    ...requiredInteger(`${name}.limit`, rate.limit, 1, 1_000_000),
    ...(rate.per === undefined
      ? [{ path: [...path, 'per'], message: 'is missing. It takes a duration.' }]
      : durationProblems([[`${name}.per`, rate.per]], { positive: true })),
  ]
}

function concurrencyProblems(concurrency: ContractOptions['concurrency']): PolicyProblem[] {
  if (concurrency === undefined) return []
  return [
    ...unknownOptions(concurrency, ['limit', 'key'], ['concurrency']),
    ...requiredInteger('concurrency.limit', concurrency.limit, 1, 10_000),
    ...functionProblems('concurrency.key', concurrency.key),
  ]
}

function uniqueProblems(unique: ContractOptions['unique']): PolicyProblem[] {
  if (unique === undefined) return []
  const untilIsWord = unique.until === 'started' || unique.until === 'finished'
  return [
    ...unknownOptions(unique, ['key', 'until', 'onConflict', 'maxWait'], ['unique']),
    ...(unique.key === undefined
      ? [{ path: ['unique', 'key'], message: 'is missing. It takes a function of the args.' }]
      : functionProblems('unique.key', unique.key)),
    ...(untilIsWord ? [] : durationProblems([['unique.until', unique.until]], { positive: true })),
    ...(unique.onConflict === undefined || onConflicts.includes(unique.onConflict)
      ? []
      : [
          {
            path: ['unique', 'onConflict'],
            message: `must be one of ${onConflicts.map((p) => `'${p}'`).join(', ')}.`,
          },
        ]),
    ...durationProblems([['unique.maxWait', unique.maxWait]], { positive: true }),
  ]
}

function scheduleProblems(schedule: ContractOptions['schedule']): PolicyProblem[] {
  if (schedule === undefined) return []
  return [
    ...unknownOptions(schedule, [...ruleFields, 'args', 'priority'], ['schedule']),
    ...ruleProblems(schedule).map(({ field, message }) => ({ path: ['schedule', field], message })),
    ...integerProblems('schedule.priority', schedule.priority, -1000, 1000),
    ...carriageProblems(schedule.args),
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

function keepProblems(keep: ContractOptions['keep']): PolicyProblem[] {
  if (keep === undefined) return []
  return [
    ...unknownOptions(keep, ['succeeded', 'failed', 'cancelled'], ['keep']),
    ...durationProblems([
      ['keep.succeeded', keep.succeeded],
      ['keep.failed', keep.failed],
      ['keep.cancelled', keep.cancelled],
    ]),
  ]
}

function redactProblems(redact: unknown): PolicyProblem[] {
  if (redact === undefined) return []
  if (!Array.isArray(redact) || redact.length === 0) {
    return [{ path: ['redact'], message: "must be a list of paths, such as ['card.number', 'items.*.secret']." }]
  }
  return redact.flatMap((path: unknown, index) => {
    const message = redactPathProblem(path)
    return message === undefined ? [] : [{ path: ['redact', String(index)], message }]
  })
}

function limitsProblems(limits: ContractOptions['limits']): PolicyProblem[] {
  if (limits === undefined) return []
  const most = { args: maxArgsLimit, result: maxResultLimit }
  return [
    ...unknownOptions(limits, Object.keys(most), ['limits']),
    ...(['args', 'result'] as const).flatMap((name): PolicyProblem[] => {
      const bytes = parseSize(limits[name])
      if (limits[name] === undefined || (bytes !== undefined && bytes >= 1 && bytes <= parseSize(most[name])!))
        return []
      return [{ path: ['limits', name], message: `must be a size from '1b' to '${most[name]}', such as '100kb'.` }]
    }),
  ]
}

/** The most a function reads of a call, without what stands around args there, and the most a receipt holds. */
const maxArgsLimit = '7.5mb'
const maxResultLimit = '1mb'

function durationProblems(values: [path: string, value: unknown][], { positive = false } = {}): PolicyProblem[] {
  return values.flatMap(([path, value]) => {
    if (value === undefined) return []
    const ms = parseDuration(value)
    if (ms === undefined) return [{ path: path.split('.'), message: durationProblem(value) }]
    if (positive && ms === 0) return [{ path: path.split('.'), message: 'must be longer than nothing.' }]
    return []
  })
}

function integerProblems(path: string, value: unknown, min: number, max: number): PolicyProblem[] {
  if (value === undefined || (Number.isInteger(value) && (value as number) >= min && (value as number) <= max))
    return []
  return [{ path: path.split('.'), message: `must be a whole number from ${min} to ${max}.` }]
}

const requiredInteger = (path: string, value: unknown, min: number, max: number): PolicyProblem[] =>
  integerProblems(path, value ?? Number.NaN, min, max)

const choiceProblems = (path: string, value: string | undefined, [one, other]: [string, string]): PolicyProblem[] =>
  value === undefined || value === one || value === other
    ? []
    : [{ path: [path], message: `must be '${one}' or '${other}'.` }]

const functionProblems = (
  path: string,
  value: unknown,
  message = 'must be a function of the args.',
): PolicyProblem[] => (value === undefined || typeof value === 'function' ? [] : [{ path: path.split('.'), message }])
