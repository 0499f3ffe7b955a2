/** The write happens, and its answer is lost: as where a connection is cut between the two. */
import { MongoNetworkError } from 'mongodb'
import type { TestErrand } from './errand.js'
import type { Store } from '../../server/store/index.js'

export const connectionLost = (): MongoNetworkError => new MongoNetworkError('connection 7 to 127.0.0.1:27017 closed')

type Parts = { [Part in keyof Store as Store[Part] extends (...args: never[]) => unknown ? never : Part]: Store[Part] }
type Operation = (...args: unknown[]) => Promise<unknown>

export interface Losing {
  /** How often it was asked for since. */
  readonly asked: number
  /** From now on it answers. */
  end(): void
}

/**
 * From now on the answers of one operation are lost, `times` times: it happens, unless it `happens: false`, and rejects
 * all the same. Then it is as it was.
 */
export function loseAnswers<Part extends keyof Parts>(
  { coordinator }: TestErrand,
  part: Part,
  name: keyof Parts[Part] & string,
  { times = 1, happens = true }: { times?: number; happens?: boolean } = {},
): Losing {
  const operations = coordinator.deps.store[part] as Record<string, Operation>
  const operation = operations[name]!
  let left = times
  const losing = { asked: 0, end: () => void (left = 0) }
  operations[name] = async (...args) => {
    losing.asked++
    if (left-- <= 0) return operation(...args)
    if (happens) await operation(...args)
    throw connectionLost()
  }
  return losing
}

/** Waits while the write is made again after its pause. */
export async function meanwhile<Outcome>(errand: TestErrand, outcome: Promise<Outcome>): Promise<Outcome> {
  let isOver = false
  const watched = outcome.finally(() => (isOver = true))
  // the pause of a second try; nothing else waits for a time, and what the database takes to answer is none
  while (!isOver) {
    await errand.quiet()
    if (errand.clock.sleeping() > 0) await errand.clock.advance('100ms')
  }
  return watched
}
