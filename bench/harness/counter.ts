/** Counts what handlers are called for. It lives in the process that runs them. */
import { now } from './time.js'

export interface Handled {
  /** How many times a handler ended. */
  count: number
  /** For how many different jobs. */
  distinct: number
  firstAt: number
  lastAt: number
}

/** Jobs are known by their number. Those below 0 are not counted: they are the others, which only wait. */
export function createCounter() {
  let handled: Handled
  let ended: Set<number>
  let startOf: Map<number, number>
  let waiting: { isSo: () => boolean; resolve: () => void }[] = []

  const clear = () => {
    handled = { count: 0, distinct: 0, firstAt: 0, lastAt: 0 }
    ended = new Set()
    startOf = new Map()
  }
  clear()

  const until = async (isSo: () => boolean): Promise<void> => {
    if (!isSo()) await new Promise<void>((resolve) => waiting.push({ isSo, resolve }))
  }
  const look = () => {
    if (waiting.length === 0) return
    const met = waiting.filter(({ isSo }) => isSo())
    if (met.length === 0) return
    waiting = waiting.filter((each) => !met.includes(each))
    for (const { resolve } of met) resolve()
  }

  return {
    begin(i: number): void {
      if (i < 0) return
      const at = now()
      if (startOf.size === 0) handled.firstAt = at
      if (!startOf.has(i)) startOf.set(i, at)
      look()
    },
    end(i: number): void {
      if (i < 0) return
      handled.count++
      ended.add(i)
      handled.lastAt = now()
      look()
    },
    commands: {
      clear,
      /** Answers as soon as handlers have ended so many times. */
      async handled({ count }: { count: number }): Promise<Handled> {
        await until(() => handled.count >= count)
        return { ...handled, distinct: ended.size }
      },
      /** When the handler of this job began, as soon as it did. */
      async startOf({ i }: { i: number }): Promise<number> {
        await until(() => startOf.has(i))
        return startOf.get(i)!
      },
    },
  }
}
