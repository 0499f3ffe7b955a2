/**
 * The occurrences of a schedule: when it makes jobs. Pure, and the same on every coordinator.
 *
 * A cron expression names local times. Where the clock is set, a local time may have no moment or two:
 *
 *   dstGap      02:30 on the day when 02:00 becomes 03:00. `'after'`: it fires as long after the gap began as it should have, at 03:30, which is
 *               when 02:30 would have come had the clock not been set. Where the rule fires then anyway (`30 * * * *`) that is one occurrence.
 *               `'skip'`: no occurrence. A gap may be half an hour (Lord Howe) or a day (Samoa, 30 December 2011); the same holds.
 *   dstOverlap  02:30 on the day when 03:00 becomes 02:00. `'first'`: it fires the first time only. `'both'`: both times.
 *
 * They are found stretch by stretch (core/time/zone): inside one, every local time of the expression is one moment. Its
 * beginning tells which local times were left out there, and which came again.
 *
 * `every` knows no local times: its occurrences are whole multiples of it after the moment the schedule was made.
 */
import type { IANAZone } from 'luxon'
import { localTimes, type LocalTimes } from './cron.js'
import type { DstGapPolicy, DstOverlapPolicy } from '../job/schedulePolicies.js'
import { stretchAt, zoneNamed, type Stretch } from './zone.js'

export type OccurrenceRule = { /** Added to every occurrence; see `spread`. */ offsetMs: number } & (
  | { kind: 'cron'; cron: string; timezone: string; dstGap: DstGapPolicy; dstOverlap: DstOverlapPolicy }
  | { kind: 'every'; everyMs: number; /** When the schedule was made. */ since: Date }
)

/** The occurrences strictly after a moment, in their order. Ends where the rule has no more (30 February). */
export function* occurrences(rule: OccurrenceRule, after: Date): Generator<Date, void, undefined> {
  const afterMs = after.getTime() - rule.offsetMs
  const found = rule.kind === 'cron' ? cronOccurrences(rule, afterMs) : everyOccurrences(rule, afterMs)
  for (const occurrenceMs of found) yield new Date(occurrenceMs + rule.offsetMs)
}

/** The first occurrence strictly after a moment, or `undefined` where the rule has no more. */
export function nextOccurrence(rule: OccurrenceRule, after: Date): Date | undefined {
  for (const occurrence of occurrences(rule, after)) return occurrence
  return undefined
}

/** The occurrences after `after` and not after `until`, in their order, at most `limit` of them. */
export function occurrencesUntil(rule: OccurrenceRule, after: Date, until: Date, limit: number): Date[] {
  const found: Date[] = []
  for (const occurrence of occurrences(rule, after)) {
    if (occurrence > until || found.length === limit) break
    found.push(occurrence)
  }
  return found
}

/**
 * The last occurrence after `after` and not after `until`. The search begins with the last minute and looks further
 * back eightfold each time, so a rule for every second is as quick as one for every year.
 */
export function lastOccurrence(rule: OccurrenceRule, after: Date, until: Date): Date | undefined {
  for (let windowMs = 60_000; ; windowMs *= 8) {
    const startMs = Math.max(after.getTime(), until.getTime() - windowMs)
    let last: Date | undefined
    for (const occurrence of occurrences(rule, new Date(startMs))) {
      if (occurrence > until) break
      last = occurrence
    }
    if (last || startMs === after.getTime()) return last
  }
}

function* everyOccurrences({ everyMs, since }: Extract<OccurrenceRule, { kind: 'every' }>, afterMs: number) {
  const sinceMs = since.getTime()
  // the first one comes a whole period after the schedule was made
  for (let count = Math.max(1, Math.floor((afterMs - sinceMs) / everyMs) + 1); ; count++)
    yield sinceMs + count * everyMs
}

/** No zone is further from UTC, so a local time fires within so much of the same time in UTC. */
const farthestOffsetMs = 16 * 3_600_000

type CronRule = Extract<OccurrenceRule, { kind: 'cron' }>

function* cronOccurrences(rule: CronRule, afterMs: number): Generator<number, void, undefined> {
  const zone: IANAZone = zoneNamed(rule.timezone)
  const times = localTimes(rule.cron)
  for (let fromMs = afterMs + 1; ;) {
    const stretch = stretchAt(zone, fromMs)
    yield* inOrder(regularOccurrences(rule, times, stretch, fromMs), occurrencesAfterGap(rule, times, stretch, fromMs))
    const next = times.from(stretch.endMs - farthestOffsetMs)
    if (next === undefined) return
    // a yearly rule is not looked for day by day
    fromMs = Math.max(stretch.endMs, next - farthestOffsetMs)
  }
}

/** Local times that exist in this stretch; with `'first'` those that did not exist in the one before. */
function* regularOccurrences({ dstOverlap }: CronRule, times: LocalTimes, stretch: Stretch, fromMs: number) {
  const { offsetMs, before, endMs } = stretch
  const newFromMs = before && dstOverlap === 'first' ? before.untilMs + before.offsetMs : Number.NEGATIVE_INFINITY
  const startMs = Math.max(fromMs + offsetMs, newFromMs)
  for (const localMs of between(times, startMs, endMs + offsetMs)) yield localMs - offsetMs
}

/** Local times that were left out when this stretch began, as the clock before it would have shown them. */
function* occurrencesAfterGap({ dstGap }: CronRule, times: LocalTimes, stretch: Stretch, fromMs: number) {
  const { offsetMs, before } = stretch
  if (!before || dstGap === 'skip') return
  const startMs = Math.max(fromMs, before.untilMs) + before.offsetMs
  for (const localMs of between(times, startMs, before.untilMs + offsetMs)) yield localMs - before.offsetMs
}

function* between(times: LocalTimes, fromMs: number, endMs: number): Generator<number, void, undefined> {
  for (let localMs = times.from(fromMs); localMs !== undefined && localMs < endMs; localMs = times.from(localMs + 1)) {
    yield localMs
  }
}

/** Two rows in order become one; what is in both comes once. */
function* inOrder(a: Generator<number>, b: Generator<number>): Generator<number, void, undefined> {
  let [left, right] = [a.next(), b.next()]
  while (!left.done || !right.done) {
    const next = Math.min(left.done ? Infinity : left.value, right.done ? Infinity : right.value)
    yield next
    if (!left.done && left.value === next) left = a.next()
    if (!right.done && right.value === next) right = b.next()
  }
}
