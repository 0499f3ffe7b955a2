/**
 * Pages: so many documents at the most, and no more text than one answer should hold. A page has at least one, so that
 * a caller that asks on gets on.
 */
import type { FindCursor } from 'mongodb'

/**
 * Characters of args or results in one answer, written within a quarter of a second also where their values are small
 * and many. A page ends with the document that goes beyond it.
 */
export const maxPageLength = 4_000_000

export interface Page<Item> {
  items: Item[]
  /** Whether there are others behind them. */
  more: boolean
}

/** Reads no further than the page, but for one document that tells whether there are more. */
export async function readPage<Item>(
  found: FindCursor<Item>,
  limit: number,
  lengthOf: (item: Item) => number,
): Promise<Page<Item>> {
  const items: Item[] = []
  let length = 0
  for await (const item of found.limit(limit + 1)) {
    if (items.length === limit || length > maxPageLength) return { items, more: true }
    items.push(item)
    length += lengthOf(item)
  }
  return { items, more: false }
}
