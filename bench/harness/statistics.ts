export interface Summary {
  median: number
  min: number
  max: number
}

/** The value that so large a part of the values does not exceed. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(part * sorted.length) - 1))] ?? Number.NaN
}

export const summarise = (values: readonly number[]): Summary => ({
  median: round(medianOf(values)),
  min: round(Math.min(...values)),
  max: round(Math.max(...values)),
})

/** The median of an even number of values is the mean of the two in the middle. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2
}

/** Three digits say all that such a measurement knows; whole numbers keep theirs. */
const round = (value: number): number => (Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)))
