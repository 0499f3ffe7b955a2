/**
 * The function host as a program of its own, as `errand build --target node` makes it: settings from the environment, a
 * clean stop by signal.
 */
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
    const listening = await host.listen({ host: settings['HOST'] || '0.0.0.0', port: readPort(settings) })
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

function stopBySignal(close: () => Promise<void>): void {
  let stopping = false
  const stop = () => {
    if (stopping) process.exit(1)
    stopping = true
    void close().then(() => process.exit(0))
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

const readKeys = (settings: Settings): string[] =>
  (settings['ERRAND_SIGNING_KEYS'] ?? '')
    .split(',')
    .map((key) => key.trim())
    .filter((key) => key !== '')

function readPort(settings: Settings): number {
  const text = settings['PORT'] || '8080'
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw new RangeError(`PORT is "${text}", which is no port. Set it to a whole number from 0 to 65535.`)
}

function readDrainMs(settings: Settings): number {
  const text = settings['ERRAND_DRAIN'] || '30s'
  const ms = parseDuration(text)
  if (ms === undefined) throw new RangeError(`ERRAND_DRAIN: ${durationProblem(text)}`)
  return ms
}
