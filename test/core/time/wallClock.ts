/** What the clock on the wall shows, by Intl alone: the slow and simple referee of core/occurrences. */
import type { DstGapPolicy, DstOverlapPolicy } from '../../../core/job/schedulePolicies.js'

const minuteMs = 60_000

export interface Shown {
  /** The same date and time in UTC, as minutes since 1970. */
  minutes: number
  hour: number
  minute: number
}

export function wallClock(timezone: string): (at: Date) => Shown {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  })
  // formatting takes most of the time, and different rules are held against the same days
  const known = new Map<number, Shown>()
  const show = (at: Date): Shown => {
    const part: Record<string, number> = {}
    for (const { type, value } of format.formatToParts(at)) part[type] = Number(value)
    const { year, month, day, hour, minute } = part as Record<'year' | 'month' | 'day' | 'hour' | 'minute', number>
    return { minutes: Date.UTC(year, month - 1, day, hour, minute) / minuteMs, hour, minute }
  }
  return (at) => {
    let shown = known.get(at.getTime())
    if (!shown) known.set(at.getTime(), (shown = show(at)))
    return shown
  }
}

/** The first minute after each change of the clock from one year to another, on days that begin with another offset. */
export function changesOf(timezone: string, fromYear: number, untilYear: number): Date[] {
  const clock = wallClock(timezone)
  const offsetAt = (ms: number) => clock(new Date(ms)).minutes - ms / minuteMs
  const found: Date[] = []
  const dayMs = 24 * 60 * minuteMs
  let offset = offsetAt(Date.UTC(fromYear, 0, 1))
  for (let ms = Date.UTC(fromYear, 0, 1); ms < Date.UTC(untilYear, 0, 1); ms += dayMs) {
    if (offsetAt(ms) === offset) continue
    let change = ms - dayMs
    while (offsetAt(change) === offset) change += minuteMs
    found.push(new Date(change))
    offset = offsetAt(ms)
  }
  return found
}

interface WallRule {
  minute: string
  hour: string
  dstGap: DstGapPolicy
  dstOverlap: DstOverlapPolicy
}

/** The occurrences after `from` and not after `until`. Begins two days early, to know what was shown before. */
export function minuteByMinute(rule: WallRule, clock: (at: Date) => Shown, from: Date, until: Date): Date[] {
  const matches = (minutes: number) =>
    inField(rule.minute, minutes % 60) && inField(rule.hour, Math.floor(minutes / 60) % 24)
  const found = new Set<number>()
  const seen = new Set<number>()
  let last: number | undefined
  for (let ms = from.getTime() - 2 * 24 * 60 * minuteMs; ms <= until.getTime(); ms += minuteMs) {
    const { minutes } = clock(new Date(ms))
    if (last !== undefined && rule.dstGap === 'after') {
      // what was left out, as long after as it would have come
      for (let skipped = last + 1; skipped < minutes; skipped++) {
        if (matches(skipped)) found.add(ms + (skipped - last - 1) * minuteMs)
      }
    }
    if (matches(minutes) && !(rule.dstOverlap === 'first' && seen.has(minutes))) found.add(ms)
    seen.add(minutes)
    last = minutes
  }
  return [...found]
    .filter((ms) => ms > from.getTime() && ms <= until.getTime())
    .sort((a, b) => a - b)
    .map((ms) => new Date(ms))
}

function inField(field: string, value: number): boolean {
  return field.split(',').some((item) => {
    const [range = '', step = '1'] = item.split('/')
    const [low, high = low] = range === '*' ? ['0', '59'] : range.split('-')
    return value >= Number(low) && value <= Number(high) && (value - Number(low)) % Number(step) === 0
  })
}
