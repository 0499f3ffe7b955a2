/** The functions of `errand dev`: a process that is started again when it ends unasked, and takes up new builds. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { configError } from '../../core/errors.js'
import type { Log } from '../../server/index.js'
import { aborted } from '../signals.js'
import type { FromFunctions, Serve, ToFunctions } from './messages.js'

export interface FunctionsProcess {
  /** Stays the same when the process is started again. */
  readonly url: string
  /** Resolves at once, unless the process is being started again. */
  ready(): Promise<void>
  /** Resolves when the process that runs now has ended; `ready` is then that of the next one. */
  ended(): Promise<void>
  /** Resolves when calls get the new build. Rejects where it cannot be read; the old one stays. */
  reload(): Promise<void>
  close(force: AbortSignal): Promise<void>
}

export interface FunctionsProcessOptions extends Omit<Serve, 'kind'> {
  log: Log
  /** Told each line that job code writes. */
  onLine: (line: string) => void
}

/** Before another try where the process could not be started. */
const restartPauseMs = 500
/** The coordinator has waited for running attempts already. */
const stopLimitMs = 5_000

/** Throws `CONFIG` where the functions cannot be served. */
export async function startFunctionsProcess(options: FunctionsProcessOptions): Promise<FunctionsProcess> {
  const { log, onLine, ...serve } = options
  const closed = new AbortController()
  let { child, url } = await launch(serve, onLine)
  let starting = Promise.resolve()
  let ended: Promise<void>

  const startAgain = async () => {
    while (!closed.signal.aborted) {
      try {
        // by its url the coordinator knows it, so the port stays
        ;({ child } = await launch({ ...serve, port: Number(new URL(url).port) }, onLine))
        return watch()
      } catch (error) {
        log('error', 'the functions cannot be started again; trying once more', { error })
        await pause(restartPauseMs, closed.signal)
      }
    }
  }
  const watch = () => {
    ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        resolve()
        if (closed.signal.aborted) return
        const how = signal === null ? `exit code ${code}` : signal
        log('error', `the functions ended unasked (${how}); starting them again`)
        starting = startAgain()
      })
    })
  }
  watch()

  return {
    url,
    ready: () => starting,
    ended: () => ended,
    async reload() {
      await starting
      // one that ends meanwhile reads the new build when it starts again
      const answer = await askUnlessGone(child, { kind: 'reload' })
      if (answer?.kind === 'failed') throw configError(answer.message)
    },
    async close(force) {
      closed.abort()
      await starting
      if (isGone(child)) return
      const gone = once(child, 'exit')
      tell(child, { kind: 'stop' })
      const over = new AbortController()
      void Promise.race([aborted(force), pause(stopLimitMs, over.signal)]).then(() => child.kill('SIGKILL'))
      await gone
      over.abort()
    },
  }
}

/** A session of its own, so that Ctrl-C in a terminal reaches only us, and running attempts may finish. */
async function launch(serve: Omit<Serve, 'kind'>, onLine: (line: string) => void) {
  const program = fileURLToPath(new URL('functionsProgram.js', import.meta.url))
  const child = spawn(process.execPath, [program], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: process.platform !== 'win32',
  })
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream! }).on('line', onLine)
  const answer = await askUnlessGone(child, { kind: 'serve', ...serve })
  if (answer?.kind === 'ready') return { child, url: answer.url }
  child.kill('SIGKILL')
  throw configError(answer?.kind === 'failed' ? answer.message : 'The process of the functions ended at its start.')
}

/** The answer, or `undefined` where the process ends instead of giving one. */
async function askUnlessGone(child: ChildProcess, message: ToFunctions): Promise<FromFunctions | undefined> {
  if (isGone(child)) return undefined
  const settled = new AbortController()
  const { signal } = settled
  const answer = once(child, 'message', { signal }).then(([answer]) => answer as FromFunctions)
  const gone = once(child, 'exit', { signal }).then(() => undefined)
  tell(child, message)
  try {
    return await Promise.race([answer, gone])
  } finally {
    settled.abort()
    // the one of the two that did not come ends with the abort
    await Promise.allSettled([answer, gone])
  }
}

const isGone = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null

/** A process that has just ended is found by its exit; what could not be said to it does not matter. */
const tell = (child: ChildProcess, message: ToFunctions): boolean => child.send(message, () => {})

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
}
