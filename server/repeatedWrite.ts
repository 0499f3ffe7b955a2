/**
 * Repeats writes that may be made twice, for a caller that waits for them, while the database is the reason that they
 * fail and the caller waits. A write that is guarded by what was seen changes nothing the second time, and says so;
 * where an answer was lost before, that does not say who has changed it. Then the document itself is asked, by what
 * only this write leaves in it.
 */
import type { Deps } from './deps.js'
import { operationLimitMs } from '../database/renewable.js'
import { settled } from './store/operations.js'
import { isOutage } from './store/outage.js'
import { untilAnswered, type Patience } from './untilAnswered.js'

export interface Repeated<Outcome> {
  outcome: Outcome
  /** The error of an earlier try, which may have been the one that counts; `undefined` where the first was answered. */
  lost: unknown
}

/** No longer than for any other operation. */
const inRequest = ({ clock, halted }: Deps): Patience => ({
  until: new Date(clock.now().getTime() + operationLimitMs),
  signal: halted,
})

/** Throws as the write does, and an outage once no caller waits any longer. */
export async function repeated<Outcome>(deps: Deps, write: () => Promise<Outcome>): Promise<Repeated<Outcome>> {
  let lost: unknown
  const outcome = await untilAnswered(
    deps,
    async () => {
      await settled(lost)
      try {
        return await write()
      } catch (error) {
        if (isOutage(error)) lost = error
        throw error
      }
    },
    inRequest(deps),
  )
  return { outcome, lost }
}

/** The same of one that leaves the same behind however often it is made, and answers the same. */
export const repeat = async <Outcome>(deps: Deps, write: () => Promise<Outcome>): Promise<Outcome> =>
  (await repeated(deps, write)).outcome

/**
 * Of a guarded write whether it changed something, now or in a try whose answer was lost. `isOurs` looks whether what
 * is there now is what this write leaves. Throws the outage where an answer was lost and it cannot be told any more: it
 * was changed since, or never was.
 */
export async function repeatGuarded(
  deps: Deps,
  write: () => Promise<boolean>,
  isOurs: () => Promise<boolean>,
): Promise<boolean> {
  const { outcome, lost } = await repeated(deps, write)
  if (outcome || lost === undefined) return outcome
  if (await repeat(deps, isOurs)) return true
  throw lost
}
