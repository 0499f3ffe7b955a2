/**
 * What coordinators ask of their database: so a test can wait until they ask nothing, however long that takes, before
 * it moves the clock.
 */
import type { Store } from '../../server/store/index.js'

export interface Questions {
  /** Counts what is asked of this store from now on. */
  watch(store: Store): void
  /**
   * Resolves when nothing is being asked, nor about to be. What a test has put in the place of an operation is not
   * counted.
   */
  quiet(): Promise<void>
  /** How many are being asked. */
  readonly pending: number
}

type Operation = (...args: unknown[]) => Promise<unknown>

/**
 * Between an answer and the next question there are a few turns of the loop at most: a body that is read, a function
 * that is called in this process.
 */
const stillTurns = 4

export function countQuestions(): Questions {
  let pending = 0
  let waiting: (() => void)[] = []

  const answered = () => {
    if (--pending > 0) return
    for (const resolve of waiting) resolve()
    waiting = []
  }
  const counted =
    (ask: Operation): Operation =>
    (...args) => {
      const answer = ask(...args)
      pending++
      answer.then(answered, answered)
      return answer
    }
  const watchAll = (operations: Record<string, unknown>) => {
    for (const [name, value] of Object.entries(operations)) {
      if (typeof value === 'function') operations[name] = counted(value as Operation)
      else watchAll(value as Record<string, unknown>)
    }
  }

  return {
    get pending() {
      return pending
    },
    watch: (store) => watchAll(store as unknown as Record<string, unknown>),
    async quiet() {
      for (let still = 0; still < stillTurns; still++) {
        await new Promise((resolve) => setImmediate(resolve))
        if (pending === 0) continue
        await new Promise<void>((resolve) => waiting.push(resolve))
        still = -1
      }
    },
  }
}
