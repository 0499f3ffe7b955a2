/** Trials of contracts by no clock: how far a thread has got when a time is over is chance on a busy machine. */
import { Worker } from 'node:worker_threads'
import { systemClock, type Clock } from '../../../core/time/clock.js'
import type { ContractTrialOptions } from '../../../server/deployments/contractTrial.js'

/** Its alarms do not ring: what contracts do is found out, however long it takes. */
export const endless: Clock = { ...systemClock, alarm: () => () => {} }

export interface TrialByHand extends Required<Pick<ContractTrialOptions, 'clock' | 'Thread'>> {
  /** The contract of this worker is being loaded; of none, the thread runs. */
  begun: Promise<void>
  /** The time is over. */
  ring: () => void
}

/** For one trial. */
export function trialByHand(worker?: string): TrialByHand {
  let ring = () => {}
  const clock: Clock = {
    ...systemClock,
    alarm(_ms, wake) {
      ring = wake
      return () => {}
    },
  }
  let begin = () => {}
  const begun = new Promise<void>((resolve) => (begin = resolve))
  class Watched extends Worker {
    constructor(...start: ConstructorParameters<typeof Worker>) {
      super(...start)
      if (worker === undefined) this.once('online', begin)
      else this.on('message', (said: { loading?: string }) => said.loading === worker && begin())
    }
  }
  return { clock, Thread: Watched, begun, ring: () => ring() }
}
