/** Durations are strings with their unit, so that no caller can take seconds for milliseconds. */

type DurationUnit = 'ms' | 's' | 'm' | 'h' | 'd'

/** A length of time with its unit: `'500ms'`, `'30s'`, `'5m'`, `'2h'`, `'7d'`. Fractions are welcome: `'1.5h'`. */
export type Duration = `${number}${DurationUnit}`

const unitMs: Record<DurationUnit, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A century: longer is a mistake, and adding it to a date stays far from the end of what a Date can hold. */
export const maxDurationMs = 100 * 365 * unitMs.d

const pattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/

/** Milliseconds of a duration, or `undefined` where the text is none, is negative, or is longer than a century. */
export function parseDuration(text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined
  const match = pattern.exec(text)
  if (!match) return undefined
  const ms = Math.round(Number(match[1]) * unitMs[match[2] as DurationUnit])
  return ms <= maxDurationMs ? ms : undefined
}

/** Milliseconds of a duration. Throws `RangeError` for a text that is none. */
export function durationMs(duration: Duration): number {
  const ms = parseDuration(duration)
  if (ms === undefined) throw new RangeError(durationProblem(duration))
  return ms
}

/** The sentence for a text that is no duration; the text itself is a setting or an option, never a payload. */
export const durationProblem = (text: unknown): string =>
  `${typeof text === 'string' ? `"${text}"` : String(text)} is not a duration. Write a number and its unit: '500ms', '30s', '5m', '2h' or '7d'.`

/** The shortest exact way to write a number of milliseconds, for people: 90_000 is `1m 30s`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`
  const parts: string[] = []
  let rest = Math.round(ms)
  for (const unit of ['d', 'h', 'm'] as const) {
    const count = Math.floor(rest / unitMs[unit])
    if (count > 0) parts.push(`${count}${unit}`)
    rest -= count * unitMs[unit]
  }
  if (rest > 0) parts.push(`${Number((rest / 1_000).toFixed(3))}s`)
  return parts.slice(0, 2).join(' ')
}
