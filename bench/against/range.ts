/**
 * How well a median is known, from few values and with no guess at how they are spread: by order statistics. Half of
 * all values lie below the true median, so how many of `n` do is a matter of tossing coins. The range leaves out so
 * many at each end that the true median lies beyond it in at most one of ten such measurements.
 */

export interface MedianRange {
  low: number
  high: number
}

const tailsAtMost = 0.1

/** Undefined for fewer than five values: of four, all lie on one side of the true median one time in eight. */
export function rangeOfMedian(values: readonly number[]): MedianRange | undefined {
  const leftOut = leftOutOf(values.length)
  if (leftOut === undefined) return undefined
  const sorted = values.toSorted((a, b) => a - b)
  return { low: sorted[leftOut]!, high: sorted.at(-1 - leftOut)! }
}

/** How many values are left out at each end: as many as the tails allow. */
function leftOutOf(count: number): number | undefined {
  let leftOut: number | undefined
  let chance = 1 / 2 ** count
  let tails = 2 * chance
  for (let below = 0; tails <= tailsAtMost; below++) {
    leftOut = below
    chance *= (count - below) / (below + 1)
    tails += 2 * chance
  }
  return leftOut
}

/** How far the range reaches from the median, as a part of it. */
export const reachOf = (median: number, { low, high }: MedianRange): number =>
  Math.max(high - median, median - low) / median
