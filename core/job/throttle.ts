/**
 * The throttle: at most `limit` starts each `per`, for each key, by the generic cell rate algorithm (GCRA) with a line
 * of those who wait.
 *
 * A key has two numbers (milliseconds of server time):
 * - `tat`, the theoretical arrival time: the moment at which the bucket of `burst` starts is full again. A start takes
 *   one token, that is, moves `tat` on by one interval (`per / limit`). A start conforms at `now` when `now >= tat -
 *   (burst - 1) * interval`.
 * - `line`, the time promised to the last job that was sent away. Newcomers go behind it.
 *
 * Tokens are taken only by jobs that start at this very moment; the times given to those who wait are estimates, not
 * reservations. So the rate holds in any case: when all waiting jobs come late, after an outage, they ask again like
 * any other, and when some are cancelled no token is lost. Estimates are one interval apart and begin where the next
 * token falls due, so in the steady state each waiting job finds its token there when it comes.
 *
 * A newcomer may not take the token that a waiting job is coming for: while there is a line, newcomers join it. A line
 * whose jobs no longer come (they were cancelled) shows by a bucket that overflows; then it is forgotten.
 */
export interface ThrottleRule {
  /** One start each so many milliseconds, on average. */
  intervalMs: number
  /** How many may start at once after a quiet time. At least 1. */
  burst: number
}

export interface ThrottleState {
  tat: number
  line: number
}

export interface ThrottleAsk {
  /** Jobs that were sent away before and now come at their time. */
  waiting: number
  /** Jobs that ask for the first time. */
  newcomers: number
}

export interface ThrottleAnswer {
  state: ThrottleState
  /** How many of the waiting jobs, and how many of the newcomers, may start now. */
  granted: { waiting: number; newcomers: number }
  /** Start times for the rest, earliest first: waiting jobs before newcomers. */
  comeBackAt: number[]
}

export const newThrottle: ThrottleState = { tat: 0, line: 0 }

/** Takes tokens for those who may start at `now`, and gives each of the rest a time to come back. */
export function askThrottle(
  rule: ThrottleRule,
  before: ThrottleState,
  now: number,
  { waiting, newcomers }: ThrottleAsk,
): ThrottleAnswer {
  const overflowed = before.tat + rule.intervalMs <= now
  const line = overflowed ? Math.min(before.line, now) : before.line

  const first = takeTokens(rule, before.tat, now, waiting)
  const mayPass = line <= now && first.granted === waiting
  const second = mayPass ? takeTokens(rule, first.tat, now, newcomers) : { tat: first.tat, granted: 0 }

  const sentAway = waiting + newcomers - first.granted - second.granted
  const nextToken = second.tat - (rule.burst - 1) * rule.intervalMs
  const start = Math.max(nextToken, line + rule.intervalMs, now)
  const comeBackAt = Array.from({ length: sentAway }, (_, index) => start + index * rule.intervalMs)
  return {
    state: { tat: second.tat, line: comeBackAt.at(-1) ?? line },
    granted: { waiting: first.granted, newcomers: second.granted },
    comeBackAt,
  }
}

/** At most `wanted` tokens, as many as conform at `now`. */
function takeTokens(rule: ThrottleRule, tat: number, now: number, wanted: number): { tat: number; granted: number } {
  const base = Math.max(tat, now)
  const room = Math.floor((now - base) / rule.intervalMs + rule.burst + epsilon)
  const granted = Math.max(0, Math.min(wanted, room))
  return granted === 0 ? { tat, granted } : { tat: base + granted * rule.intervalMs, granted }
}

/**
 * Times such as 1000 / 3 are not exact in floating point; a token that is due within a millionth of an interval is due.
 */
const epsilon = 1e-6
