/** What a worker's options may be, each on its own. Their meanings stand in core/job/defineJob. */
import { z } from 'zod'
import type { Backoff } from './backoff.js'
import type { ArgsSchema, JobOptions } from './defineJob.js'
import { firstVersion } from './migrate.js'
import { redactPathProblem } from './redactPath.js'
import { onConflicts } from './uniqueOptions.js'
import { parseSize } from '../payload/size.js'
import { durationProblem, parseDuration, type Duration } from '../time/duration.js'
import { ruleFields } from '../time/scheduleRule.js'

/** The most a function reads of a call, without what stands around args there, and the most a receipt holds. */
const maxArgsLimit = '7.5mb'
const maxResultLimit = '1mb'

/** Options that stand together under one name. */
const options = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: ({ code }) =>
      code === 'unrecognized_keys'
        ? `is no option. Known here: ${Object.keys(shape).join(', ')}.`
        : `must be an object with: ${Object.keys(shape).join(', ')}.`,
  })

const wholeNumber = (least: number, most: number) => {
  const error = `must be a whole number from ${least} to ${most}.`
  return z.int(error).min(least, error).max(most, error)
}

const missing = 'is missing. It takes a duration.'

const duration = z.custom<Duration>((value) => parseDuration(value) !== undefined, {
  error: ({ input }) => (input === undefined ? missing : durationProblem(input)),
})

const notLonger = 'must be longer than nothing.'
const positiveDuration = duration.refine((value) => parseDuration(value) !== 0, notLonger)

const size = (most: string) =>
  z.custom<string>((value) => {
    const bytes = parseSize(value)
    return bytes !== undefined && bytes >= 1 && bytes <= parseSize(most)!
  }, `must be a size from '1b' to '${most}', such as '100kb'.`)

const oneOf = (words: readonly string[]) => {
  const quoted = words.map((word) => `'${word}'`)
  const error = words.length === 2 ? `must be ${quoted.join(' or ')}.` : `must be one of ${quoted.join(', ')}.`
  return z.enum(words, error)
}

const functionOf = (given: string) =>
  z.custom<() => unknown>((value) => typeof value === 'function', {
    error: ({ input }) =>
      input === undefined ? `is missing. It takes a function of ${given}.` : `must be a function of ${given}.`,
  })
const keyFunction = functionOf('the args')

const schema = (error: string) =>
  z.custom<z.ZodType>((value) => typeof value === 'object' && value !== null && '_zod' in value, error)

const policy = z.discriminatedUnion(
  'kind',
  [
    options({ kind: z.literal('fixed'), delay: duration }),
    options({ kind: z.literal('linear'), step: duration, max: duration.optional() }),
    options({
      kind: z.literal('exponential'),
      base: duration,
      max: duration.optional(),
      jitter: z.boolean('must be true or false.').optional(),
    }),
  ],
  { error: ({ path }) => (path?.length ? `must be 'fixed', 'linear' or 'exponential'.` : backoffKinds) },
)
const backoffKinds = 'must be a policy such as { kind: "fixed", delay: "10s" }, a list of durations, or a function.'
const waits = z.array(duration).min(1, 'needs at least one duration in its list.')

/** A union tells of none of its parts what is wrong, so the part is chosen first. */
const backoff = z.custom<Backoff>().check((given) => {
  if (typeof given.value === 'function') return
  const { error } = (Array.isArray(given.value) ? waits : policy).safeParse(given.value)
  for (const { path, message } of error?.issues ?? []) {
    given.issues.push({ code: 'custom', path, message, input: given.value })
  }
})

const rate = { limit: wholeNumber(1, 1_000_000), per: positiveDuration }

const redactForm = "must be a list of paths, such as ['card.number', 'items.*.secret']."

const until = z.custom<string>(
  (value) => value === 'started' || value === 'finished' || Boolean(parseDuration(value)),
  { error: ({ input }) => (parseDuration(input) === 0 ? notLonger : durationProblem(input)) },
)

export const policySchema = options({
  args: schema('must be a zod 4 schema, such as z.object({ … }).'),
  version: wholeNumber(firstVersion, 1_000_000).optional(),
  migrate: functionOf('the old args and their version').optional(),
  result: schema('must be a zod 4 schema.').optional(),
  retry: options({
    attempts: wholeNumber(1, 1_000).optional(),
    backoff: backoff.optional(),
    budget: options(rate).optional(),
  }).optional(),
  timeout: positiveDuration.optional(),
  maxRuntime: positiveDuration.optional(),
  throttle: options({ ...rate, burst: wholeNumber(1, 1_000_000).optional(), key: keyFunction.optional() }).optional(),
  concurrency: options({ limit: wholeNumber(1, 10_000), key: keyFunction.optional() }).optional(),
  unique: options({
    key: keyFunction,
    until: until.optional(),
    onConflict: oneOf(onConflicts).optional(),
    maxWait: positiveDuration.optional(),
  }).optional(),
  priority: wholeNumber(-1_000, 1_000).optional(),
  // what its rule may be is checked where all schedules are, in core/time/scheduleRule
  schedule: options({
    ...Object.fromEntries(ruleFields.map((field) => [field, z.unknown().optional()])),
    args: z.unknown().optional(),
    priority: wholeNumber(-1_000, 1_000).optional(),
  }).optional(),
  keep: options({
    succeeded: duration.optional(),
    failed: duration.optional(),
    cancelled: duration.optional(),
  }).optional(),
  limits: options({ args: size(maxArgsLimit).optional(), result: size(maxResultLimit).optional() }).optional(),
  jobsPerCall: wholeNumber(1, 500).optional(),
  receipt: oneOf(['answered', 'posted']).optional(),
  redact: z
    .array(
      z.custom<string>((path) => redactPathProblem(path) === undefined, {
        error: ({ input }) => redactPathProblem(input)!,
      }),
      redactForm,
    )
    .min(1, redactForm)
    .optional(),
  deployment: oneOf(['latest', 'pinned']).optional(),
  run: z.unknown().optional(),
} satisfies Record<keyof JobOptions<ArgsSchema, unknown>, z.ZodType>)
