/** Gathers the calls of one turn: requests of many callers at once travel together, and each gets its own outcome. */

export interface GatherOptions<Item, Outcome> {
  /** How the calls of one turn are cut into requests. */
  split: <Call extends { item: Item }>(calls: Call[]) => Iterable<Call[]>
  /** Answers in the order of the items. Where it throws, every call of this request gets the error. */
  send: (items: Item[]) => Promise<Outcome[]>
}

interface Call<Item, Outcome> {
  item: Item
  resolve: (outcome: Outcome) => void
  reject: (error: unknown) => void
}

/**
 * A call that is alone waits for no timer, only until the running code has ended, and with it all that waited for the
 * same thing as the caller. So callers in loops of their own stay together: their answers came in one request, and
 * their next calls leave in one.
 */
export function gather<Item, Outcome>({ split, send }: GatherOptions<Item, Outcome>): (item: Item) => Promise<Outcome> {
  let calls: Call<Item, Outcome>[] = []

  const flush = async () => {
    const gathered = calls
    calls = []
    for (const request of split(gathered)) await settle(request)
  }

  const settle = async (request: Call<Item, Outcome>[]) => {
    try {
      const outcomes = await send(request.map(({ item }) => item))
      request.forEach(({ resolve }, index) => resolve(outcomes[index]!))
    } catch (error) {
      for (const { reject } of request) reject(error)
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      calls.push({ item, resolve, reject })
      if (calls.length === 1) queueMicrotask(() => void flush())
    })
}
