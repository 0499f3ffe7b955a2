/** Functions of a folder on one port, each one loaded when it is first called. */
import { setMaxListeners } from 'node:events'
import { didYouMean } from '../../core/nearest.js'
import { systemClock, type Clock } from '../../core/time/clock.js'
import { describeError } from '../describeError.js'
import { openBundles } from './bundles.js'
import { listen, within, type Listening, type ListenOptions } from './listen.js'
import { createKeyring } from '../keys.js'
import { readRequest, receiveCall, type Incoming } from '../receiveCall.js'
import { json, refusalAnswer, toResponse, type Outgoing } from '../refusal.js'

export interface FunctionHostOptions {
  /** Codegen's output: the folder with `manifest.json`, usually `.errand`. */
  dir: string
  /** Signing keys, `whsec_…`, the same as the coordinator's. */
  keys: readonly string[]
  /** Told about bundles that cannot be loaded, stack included. Default `console.warn`. */
  log?: (message: string) => void
  /** How long `close` waits for running calls, in milliseconds. Default 30_000. */
  closeLimitMs?: number
  clock?: Clock
}

export interface FunctionHost {
  /** `POST /mail/send` calls `mail.send`; `GET /healthz` and `/readyz` tell that the host is up and takes calls. */
  fetch(request: Request): Promise<Response>
  listen(options: ListenOptions): Promise<Listening>
  /**
   * Takes up workers that came, went or changed since; those that did not change stay loaded. Throws `CONFIG` like the
   * making of a host.
   */
  reload(): void
}

/** Throws `CONFIG` where the folder has no manifest, or a key is none. */
export function createFunctionHost(options: FunctionHostOptions): FunctionHost {
  const { keys, log = console.warn, closeLimitMs = 30_000, clock = systemClock } = options
  const bundles = openBundles(options.dir)
  const verify = createKeyring(keys)(undefined)
  const environment = { ERRAND_SIGNING_KEYS: keys.join(',') }
  const running = new Set<Promise<unknown>>()
  let closing = false
  const ended = new AbortController()
  // one listener for each receipt that is being posted, however many there are
  setMaxListeners(0, ended.signal)

  /** Keeps count of what runs, until it settles. */
  function track<T>(work: Promise<T>): Promise<T> {
    const settled: Promise<unknown> = work.then(
      () => running.delete(settled),
      () => running.delete(settled),
    )
    running.add(settled)
    return work
  }

  async function handle(path: string, incoming: Incoming): Promise<Outgoing> {
    if (incoming.method === 'GET' && (path === '/healthz' || path === '/readyz')) {
      return json(200, JSON.stringify({ ok: true, workers: bundles.workers().length }))
    }
    const worker = path.slice(1).replaceAll('/', '.')
    if (!bundles.has(worker) || path !== `/${worker.replaceAll('.', '/')}`) return unknownWorker(worker)
    const loaded = bundles.loaded(worker) ?? (await bundles.load(worker).catch((error: unknown) => ({ error })))
    if ('error' in loaded) return loadFailed(incoming, worker, loaded.error)
    return loaded.handle(incoming, environment, {
      waitUntil: (work) => void track(work),
      signal: ended.signal,
    })
  }

  function unknownWorker(worker: string): Outgoing {
    const hint = didYouMean(worker, bundles.workers())
    const message = `No function here is for "${worker}".${hint} After adding a file to jobs/, run \`errand codegen\`.`
    return refusalAnswer({ status: 404, code: 'UNKNOWN_WORKER', message })
  }

  /** Why it failed is told to those who hold a key only. */
  async function loadFailed(incoming: Incoming, worker: string, error: unknown): Promise<Outgoing> {
    const { name, message, stack } = describeError(error)
    log(`errand: the function of ${worker} cannot be loaded. ${stack ?? message}`)
    const received = await receiveCall(incoming, worker, verify, clock.now())
    if (!received.ok) return refusalAnswer(received.refusal)
    const sentence = `The function of ${worker} cannot be loaded. ${name}: ${message}`
    return refusalAnswer({ status: 500, code: 'LOAD_FAILED', message: sentence })
  }

  async function nothingRuns(): Promise<void> {
    while (running.size > 0) await Promise.all(running)
  }

  async function answer(path: string, incoming: Incoming): Promise<Outgoing> {
    if (closing) return refusalAnswer({ status: 503, code: 'UNAVAILABLE', message: 'The functions are closing.' })
    return track(handle(path, incoming))
  }

  return {
    fetch: async (request) => toResponse(await answer(new URL(request.url).pathname, await readRequest(request))),
    reload: () => bundles.reload(),
    listen: (where) =>
      listen(answer, where, clock, async () => {
        closing = true
        await within(clock, closeLimitMs, nothingRuns())
        ended.abort()
      }),
  }
}
