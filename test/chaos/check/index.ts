import { args } from './args.js'
import { finalTwice, lost, twoReceipts } from './jobs.js'
import { keysHeldByTwo } from './keys.js'
import { limitsExceeded, ratesExceeded } from './limits.js'
import { occurrences } from './schedules.js'
import { stuck } from './stuck.js'
import { atomicHalf, callbacksNotOnce, childrenNotOnce } from './together.js'
import type { Zero } from './zero.js'

/** In the order in which they are told. */
export const zeros: readonly Zero[] = [
  lost,
  twoReceipts,
  finalTwice,
  args,
  limitsExceeded,
  ratesExceeded,
  occurrences,
  stuck,
  keysHeldByTwo,
  callbacksNotOnce,
  childrenNotOnce,
  atomicHalf,
]
