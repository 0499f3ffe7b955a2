/**
 * Work on many items of one request: a part of them is begun in one turn of the event loop, so that other callers have
 * a turn in between.
 */

/** Begun in one turn. Fewer would make more, and smaller, writes to the database. */
const inOneTurn = 500

/** The outcomes in the order of the items. Throws as the first one that fails. */
export async function mapInTurns<Item, Outcome>(
  items: readonly Item[],
  map: (item: Item, index: number) => Promise<Outcome>,
): Promise<Outcome[]> {
  const parts: Promise<Outcome[]>[] = []
  for (let start = 0; start < items.length; start += inOneTurn) {
    if (start > 0) await new Promise((resolve) => setImmediate(resolve))
    const part = Promise.all(items.slice(start, start + inOneTurn).map((item, index) => map(item, start + index)))
    // one that fails while others are begun is thrown below
    part.catch(() => {})
    parts.push(part)
  }
  return (await Promise.all(parts)).flat()
}
