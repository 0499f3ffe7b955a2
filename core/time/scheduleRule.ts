/** Checks the rule by which a schedule makes jobs, as people write it, and gives it its defaults. */
import { cronProblem, firesEveryHour, timezoneProblem } from './cron.js'
import { durationProblem, parseDuration, type Duration } from './duration.js'
import { ErrandError } from '../errors.js'
import {
  dstGapPolicies,
  missedPolicies,
  dstOverlapPolicies,
  overlapPolicies,
  type DstGapPolicy,
  type MissedPolicy,
  type DstOverlapPolicy,
  type OverlapPolicy,
} from '../job/schedulePolicies.js'
import type { OccurrenceRule } from './occurrences.js'

/**
 * One of `cron` and `every` is there; the rest may be left out. The fields' meanings stand in core/job/scheduleOptions.
 */
export interface ScheduleRule {
  cron?: string | undefined
  every?: Duration | undefined
  timezone?: string | undefined
  dstGap?: DstGapPolicy | undefined
  dstOverlap?: DstOverlapPolicy | undefined
  spread?: Duration | undefined
  missed?: MissedPolicy | undefined
  overlap?: OverlapPolicy | undefined
}

/** Its fields: first those that say when it fires, then those that say what comes of an occurrence. */
export const timingFields = ['cron', 'every', 'timezone', 'dstGap', 'dstOverlap', 'spread'] as const
export const ruleFields = [...timingFields, 'missed', 'overlap'] as const satisfies (keyof ScheduleRule)[]

export interface RuleProblem {
  field: keyof ScheduleRule
  message: string
}

/** Everything wrong with it at once. Takes what comes from outside, so each field may be anything. */
export function ruleProblems(rule: { [Field in keyof ScheduleRule]?: unknown }): RuleProblem[] {
  return [
    ...rhythmProblems(rule.cron, rule.every),
    ...(rule.timezone === undefined ? [] : problem('timezone', timezoneProblem(rule.timezone))),
    ...oneOf('dstGap', rule.dstGap, dstGapPolicies),
    ...oneOf('dstOverlap', rule.dstOverlap, dstOverlapPolicies),
    ...lengthProblems('spread', rule.spread),
    ...oneOf('missed', rule.missed, missedPolicies),
    ...(isDstOverlap(rule.overlap)
      ? problem('overlap', `is for runs that overlap; '${rule.overlap}' is a value of dstOverlap.`)
      : oneOf('overlap', rule.overlap, overlapPolicies)),
  ]
}

function rhythmProblems(cron: unknown, every: unknown): RuleProblem[] {
  if (cron !== undefined && every !== undefined) {
    return [{ field: 'every', message: 'cron and every exclude each other. Give one of them.' }]
  }
  if (every !== undefined) return lengthProblems('every', every)
  if (cron !== undefined) return problem('cron', cronProblem(cron))
  return [{ field: 'cron', message: 'A schedule needs cron, such as "0 9 * * *", or every, such as "10m".' }]
}

/** Faster ones are a loop, not a schedule. */
const leastMs = 1_000

function lengthProblems(field: 'every' | 'spread', value: unknown): RuleProblem[] {
  if (value === undefined) return []
  const ms = parseDuration(value)
  if (ms === undefined) return problem(field, durationProblem(value))
  return ms < leastMs ? [{ field, message: `must be at least '1s'.` }] : []
}

const problem = (field: keyof ScheduleRule, message: string | undefined): RuleProblem[] =>
  message === undefined ? [] : [{ field, message }]

const isDstOverlap = (value: unknown): value is DstOverlapPolicy =>
  dstOverlapPolicies.includes(value as DstOverlapPolicy)

function oneOf(field: keyof ScheduleRule, value: unknown, words: readonly string[]): RuleProblem[] {
  if (value === undefined || words.includes(value as string)) return []
  const quoted = words.map((word) => `'${word}'`)
  return [{ field, message: `must be ${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}.` }]
}

/** Throws `INVALID_TIME` with an issue for each thing that is wrong. */
export function checkRule(rule: { [Field in keyof ScheduleRule]?: unknown }): void {
  const problems = ruleProblems(rule)
  if (problems.length === 0) return
  // sentences that go on from the field's name begin small
  const sentences = problems.map(({ field, message }) =>
    /^(must|is) /.test(message) ? `${field} ${message}` : message,
  )
  throw new ErrandError('INVALID_TIME', sentences.join(' '), {
    issues: problems.map(({ field, message }) => ({ path: [field], code: `invalid_${field}`, message })),
  })
}

/**
 * The occurrences of a rule that has no problems. `id` is the schedule's, for `spread`; `since` is when it was made,
 * for `every`.
 */
export function occurrenceRule(rule: ScheduleRule, { id, since }: { id: string; since: Date }): OccurrenceRule {
  const offsetMs = rule.spread === undefined ? 0 : spreadOffsetMs(id, parseDuration(rule.spread)!)
  const everyMs = parseDuration(rule.every)
  if (everyMs !== undefined) return { kind: 'every', everyMs, since, offsetMs }
  const { cron, timezone, dstGap, dstOverlap } = withDefaults(rule)
  return { kind: 'cron', cron: cron!, timezone, dstGap, dstOverlap, offsetMs }
}

/** One of `cron` and `every` is there. */
export interface FullScheduleRule {
  cron?: string
  every?: Duration
  timezone: string
  dstGap: DstGapPolicy
  dstOverlap: DstOverlapPolicy
  spread?: Duration
  missed: MissedPolicy
  overlap: OverlapPolicy
}

/**
 * `dstOverlap` is `'first'` for a rule that names hours, such as nine o'clock, and `'both'` for one that fires in every
 * hour, such as every five minutes: the one means a time of the day, which comes once, and the other an interval, which
 * must not pause for an hour each autumn.
 */
export function withDefaults(rule: ScheduleRule): FullScheduleRule {
  const { cron, every, timezone = 'UTC', dstGap = 'after', spread, missed = 'last', overlap = 'allow' } = rule
  const { dstOverlap = cron !== undefined && firesEveryHour(cron) ? 'both' : 'first' } = rule
  return {
    ...(cron === undefined ? {} : { cron }),
    ...(every === undefined ? {} : { every }),
    timezone,
    dstGap,
    dstOverlap,
    ...(spread === undefined ? {} : { spread }),
    missed,
    overlap,
  }
}

/** A moment of the window that is always the same for an id, and as good as random among ids. Whole seconds. */
const spreadOffsetMs = (id: string, windowMs: number): number =>
  Math.floor(((hash(id) / 2 ** 32) * windowMs) / 1_000) * 1_000

/** FNV-1a, and murmur's finish, without which ids that differ in their last letter would stand side by side. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
