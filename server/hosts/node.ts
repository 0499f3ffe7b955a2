/** The coordinator on a Node server that may be stopped when no request comes: Cloud Run, Fly, a container of yours. */
import { readPort, stopBySignal } from '../../core/functions/ownProcess.js'
import { systemClock } from '../../core/time/clock.js'
import { endureContracts } from '../deployments/endureContracts.js'
import { listen } from '../api/listen.js'
import { valueOf } from './settings.js'
import {
  createCoordinatorFunction,
  functionLog,
  readFunctionSettings,
  type CoordinatorFunctionOptions,
} from './coordinatorFunction.js'

/** How long running attempts have after a signal, below what platforms give. */
const drainMs = 30_000
/** Answers that clients leave unread must not hold up the end. */
const closeLimitMs = 2_000

/**
 * Serves until SIGTERM or SIGINT; then takes no more requests, lets running attempts end for up to half a minute, and
 * ends. A second signal ends it at once.
 *
 * A setting that cannot work is told in one line, and the process ends with exit code 1.
 *
 * Settings: MONGODB_URI, ERRAND_SIGNING_KEYS, ERRAND_API_KEYS, ERRAND_URL, ERRAND_FUNCTIONS_URL; `PORT` (8080) and
 * `HOST` (`0.0.0.0`).
 */
export async function serveCoordinator({ env = process.env, ...options }: CoordinatorFunctionOptions): Promise<void> {
  endureContracts(options.log ?? functionLog)
  const coordinator = createCoordinatorFunction({ env, ...options })
  try {
    // told now, not to the first who asks
    readFunctionSettings({ env, ...options })
    const listening = await listen({
      fetch: (request) => coordinator.fetch(request, { waitUntil: goesOn }),
      host: valueOf(env, 'HOST') ?? '0.0.0.0',
      port: readPort(valueOf(env, 'PORT')),
      setting: 'PORT',
    })
    console.log(`errand: the coordinator is ready at ${listening.url}`)
    stopBySignal(async () => {
      console.log('errand: stopping; what runs is waited for')
      const answered = listening.close()
      // it ends long polls, too, which would hold their connections
      await coordinator.stop(drainMs)
      await Promise.race([answered, systemClock.sleep(closeLimitMs)])
      await coordinator.close()
    })
  } catch (error) {
    console.error(`errand: ${(error as Error).message}`)
    process.exit(1)
  }
}

/** The process does not end with an answer. */
const goesOn = (): void => {}
