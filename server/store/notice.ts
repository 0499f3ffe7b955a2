/** How the store's operations end, told to whoever wants to know whether the database answers. */
import { isOutage } from './outage.js'

export interface Notice {
  /** The database answered after it had failed to. */
  back: () => void
}

/**
 * Makes every method of a store tell. An answer that follows an outage is `back`, once; also a refusal, such as a key that is taken, is an answer.
 * Costs an operation one listener on its promise, and waits for nothing.
 */
export function createNoticing({ back }: Notice) {
  let isOut = false
  const answered = () => {
    if (!isOut) return
    isOut = false
    back()
  }
  const failed = (error: unknown) => {
    if (isOutage(error)) isOut = true
    else answered()
  }
  return <Part extends object>(part: Part): Part =>
    Object.fromEntries(
      Object.entries(part).map(([name, method]) => [name, told(method as Operation, answered, failed)]),
    ) as Part
}

type Operation = (...args: unknown[]) => Promise<unknown>

const told =
  (operation: Operation, answered: () => void, failed: (error: unknown) => void): Operation =>
  (...args) => {
    const outcome = operation(...args)
    outcome.then(answered, failed)
    return outcome
  }
