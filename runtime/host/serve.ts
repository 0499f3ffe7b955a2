/**
 * The function host as a program of its own, as `errand build --target node` makes it: settings from the environment, a
 * clean stop by signal.
 */
import { readPort, stopBySignal } from '../../core/functions/ownProcess.js'
import { durationProblem, parseDuration } from '../../core/time/duration.js'
import { createFunctionHost } from './functionHost.js'

type Settings = Readonly<Record<string, string | undefined>>

/**
 * Serves the functions of `dir` until SIGTERM or SIGINT; then takes no more calls, waits for those that run, and ends.
 * A second signal ends it at once.
 *
 * Settings: `ERRAND_SIGNING_KEYS` (required); `PORT` (8080) and `HOST` (`0.0.0.0`); `ERRAND_DRAIN`, how long running
 * calls are waited for (`30s`). A setting that cannot work is told in one line, and the process ends with exit code 1.
 */
export async function serveFunctions(dir: string, settings: Settings = process.env): Promise<void> {
  try {
    const host = createFunctionHost({ dir, keys: readKeys(settings), closeLimitMs: readDrainMs(settings) })
    const listening = await host.listen({
      host: settings['HOST'] || '0.0.0.0',
      port: readPort(settings['PORT'] || undefined),
    })
    console.log(`errand: the functions are ready at ${listening.url}`)
    stopBySignal(async () => {
      console.log('errand: stopping; running calls are waited for')
      await listening.close()
    })
  } catch (error) {
    console.error(`errand: ${(error as Error).message}`)
    process.exit(1)
  }
}

const readKeys = (settings: Settings): string[] =>
  (settings['ERRAND_SIGNING_KEYS'] ?? '')
    .split(',')
    .map((key) => key.trim())
    .filter((key) => key !== '')

function readDrainMs(settings: Settings): number {
  const text = settings['ERRAND_DRAIN'] || '30s'
  const ms = parseDuration(text)
  if (ms === undefined) throw new RangeError(`ERRAND_DRAIN: ${durationProblem(text)}`)
  return ms
}
