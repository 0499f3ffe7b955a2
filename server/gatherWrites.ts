/**
 * Gathers writes: what is asked for while a write is under way goes together into the next one. Alone, a caller waits for nothing;
 * under load one journaled write serves hundreds of callers, and each gets its own outcome. One write at a time: with two, each carries half as
 * many, and the engine's work for each write doubles (measured: 800 against 1,700 jobs/s on a busy machine).
 */
export interface GatherOptions<Item, Outcome> {
  /** Writes the items and answers with an outcome for each, in order. A throw fails every item of the write. */
  write: (items: Item[]) => Promise<Outcome[]>
  /** At most so many items in one write. */
  maxItems: number
}

export function gatherWrites<Item, Outcome>({ write, maxItems }: GatherOptions<Item, Outcome>) {
  interface Waiting {
    item: Item
    resolve(outcome: Outcome): void
    reject(error: unknown): void
  }
  let waiting: Waiting[] = []
  let writing = false
  let planned = false

  /** A microtask later, so that all that is added in the same turn goes into the same write. */
  const plan = () => {
    if (planned || writing || waiting.length === 0) return
    planned = true
    queueMicrotask(() => {
      planned = false
      void flush()
    })
  }

  const flush = async (): Promise<void> => {
    const gathered = waiting.slice(0, maxItems)
    waiting = waiting.slice(maxItems)
    writing = true
    try {
      const outcomes = await write(gathered.map(({ item }) => item))
      gathered.forEach((caller, index) => caller.resolve(outcomes[index]!))
    } catch (error) {
      gathered.forEach((caller) => caller.reject(error))
    } finally {
      writing = false
      plan()
    }
  }

  return (item: Item): Promise<Outcome> =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      plan()
    })
}
