/**
 * Who goes into the next write, where more waits than it carries. Two lanes, each first in, first out: what somebody asked for by itself, and what came
 * in bulk. Each has half of a write, and what it leaves is the other's. So a single job waits for the write that is under way and for the
 * singles before it, however much bulk stands there; and bulk goes on, however many singles come.
 */
export type WriteLane = 'single' | 'bulk'

/** The client gathers what an app enqueues at one moment; so few are as good as single ones. */
const mostSingles = 10

/** Of a request that brings so many jobs. */
export const laneOf = (jobs: number): WriteLane => (jobs > mostSingles ? 'bulk' : 'single')

export interface TurnOptions<Item> {
  /** At most so many in one write. */
  maxItems: number
  /** A write takes no more items once it holds so many bytes; the last one may go beyond. Default: no limit. */
  maxBytes?: number | undefined
  /** About the bytes of an item. Default: 0. */
  sizeOf?: ((item: Item) => number) | undefined
}

export interface Turns<Item> {
  add(item: Item, lane: WriteLane): void
  /** The next write's items, at least one where any waits. They wait no longer. */
  take(): Item[]
  /** How many wait. */
  readonly length: number
}

export function createTurns<Item>({ maxItems, maxBytes = Infinity, sizeOf }: TurnOptions<Item>): Turns<Item> {
  const lanes: Record<WriteLane, Item[]> = { single: [], bulk: [] }

  /** Moves items into a write, as many as a part of it has room for. */
  const move = (lane: WriteLane, into: Write<Item>, part: number): void => {
    const waiting = lanes[lane]
    let count = 0
    while (count < waiting.length && into.items.length + count < maxItems * part && into.bytes < maxBytes * part) {
      if (sizeOf) into.bytes += sizeOf(waiting[count]!)
      count++
    }
    if (count === 0) return
    // mostly all that wait go
    into.items =
      into.items.length === 0 && count === waiting.length ? waiting : [...into.items, ...waiting.slice(0, count)]
    lanes[lane] = count === waiting.length ? [] : waiting.slice(count)
  }

  return {
    add: (item, lane) => void lanes[lane].push(item),
    take() {
      const next: Write<Item> = { items: [], bytes: 0 }
      if (lanes.bulk.length > 0) move('single', next, 1 / 2)
      move('bulk', next, 1)
      move('single', next, 1)
      return next.items
    },
    get length() {
      return lanes.single.length + lanes.bulk.length
    },
  }
}

interface Write<Item> {
  items: Item[]
  bytes: number
}
