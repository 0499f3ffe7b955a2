/**
 * All operations of the store have a time limit, and how they end tells whether the database answers.
 *
 * The limit holds for the caller. The driver has limits of its own (database/connect.ts), but a read that it makes
 * again after an election may take their sum, and a database that was handed in has none. An operation that is given up
 * here may still happen: `settled` of the error tells when it cannot any more.
 */
import { operationLimitMs } from '../../database/renewable.js'
import type { Clock } from '../../core/time/clock.js'
import { isOutage, outageName } from './outage.js'
import { wakingAlarm } from './wakingAlarm.js'

export interface OperationsOptions {
  /** Whose time the limit is: the machine's, as the network's is. */
  clock: Clock
  /** The database answered after it had failed to. */
  back: () => void
  /** It fails, and did not before. */
  failing: () => void
  /** When it aborts, no caller waits any longer for what is under way. Default: never. */
  overdue?: AbortSignal
}

/** The database gave no answer within the limit, or before its coordinator had to stop. */
class NoAnswerError extends Error {
  /** Resolves when the operation cannot happen any more, or has. */
  readonly settled: Promise<unknown>

  constructor(operation: string, outcome: Promise<unknown>) {
    super(`The database did not answer ${operation} in time.`)
    this.name = outageName
    this.settled = outcome.catch(() => {})
  }
}

/** Waits until what failed with this error cannot happen any more, as far as its connection goes. */
export const settled = async (error: unknown): Promise<void> => {
  if (error instanceof NoAnswerError) await error.settled
}

interface Waiting {
  sinceMs: number
  giveUp: () => void
}

/** Building indexes takes as long as there are jobs. */
const unlimited = new Set(['store.prepare'])

type Operation = (...args: unknown[]) => Promise<unknown>

/**
 * Answers with what makes the operations of a part of the store watched. `part` is asked for at each one, because
 * another database may have taken the place of the first.
 */
export function watchOperations({ clock, back, failing, overdue }: OperationsOptions) {
  /** In the order in which they began. */
  const waiting = new Set<Waiting>()
  let cancelAlarm: (() => void) | undefined
  let isFailing = false

  const answered = () => {
    if (!isFailing) return
    isFailing = false
    back()
  }
  const failed = (error: unknown) => {
    if (!isOutage(error)) return answered()
    if (isFailing) return
    isFailing = true
    failing()
  }

  const arm = (ms: number) => {
    cancelAlarm = wakingAlarm(clock, ms, () => {
      cancelAlarm = undefined
      const nowMs = clock.now().getTime()
      for (const each of waiting) {
        const leftMs = each.sinceMs + operationLimitMs - nowMs
        if (leftMs > 0) return arm(leftMs)
        each.giveUp()
      }
    })
  }
  overdue?.addEventListener('abort', () => waiting.forEach((each) => each.giveUp()), { once: true })
  const end = (each: Waiting) => {
    waiting.delete(each)
    if (waiting.size > 0) return
    cancelAlarm?.()
    cancelAlarm = undefined
  }

  const watched =
    (name: string, operation: Operation): Operation =>
    (...args) =>
      new Promise((resolve, reject) => {
        const outcome = operation(...args)
        const fail = (error: Error) => {
          failed(error)
          reject(error)
        }
        const each: Waiting = {
          sinceMs: clock.now().getTime(),
          giveUp() {
            end(each)
            fail(new NoAnswerError(name, outcome))
          },
        }
        if (!unlimited.has(name)) {
          waiting.add(each)
          if (!cancelAlarm) arm(operationLimitMs)
        }
        const succeed = (value: unknown) => {
          end(each)
          answered()
          resolve(value)
        }
        outcome.then(succeed, (error: Error) => {
          end(each)
          fail(error)
        })
      })

  return <Part extends object>(of: string, part: () => Part): Part =>
    Object.fromEntries(
      Object.keys(part()).map((name) => [
        name,
        watched(`${of}.${name}`, (...args) => (part() as Record<string, Operation>)[name]!(...args)),
      ]),
    ) as Part
}
