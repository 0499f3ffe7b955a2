/**
 * One run of the demo: says what is under way, and closes in the end what was started, in the reverse order, whether
 * the run ended by itself, by an error or by Ctrl-C. A second Ctrl-C ends the process at once; the database, a process
 * of its own, notices and ends too.
 */
import { setMaxListeners } from 'node:events'
import type { Terminal } from './terminal.js'

export interface Run {
  readonly terminal: Terminal
  /** Aborts on Ctrl-C and on SIGTERM. */
  readonly interrupted: AbortSignal
  /** Says what is under way, does it, and says how long it took. */
  step<T>(title: string, work: () => Promise<T>): Promise<T>
  /** Has `close` called at the end with what was started, even when it is ready only after an interruption. */
  own<T>(starting: Promise<T>, close: (started: T) => Promise<unknown>): Promise<T>
}

/** Answers with the exit code: 0 when `demo` says that all was as it should be. */
export async function runDemo(terminal: Terminal, demo: (run: Run) => Promise<boolean>): Promise<number> {
  const interruption = new AbortController()
  const interrupted = interruption.signal
  // every job that is waited for listens to it
  setMaxListeners(0, interrupted)
  const closers: (() => Promise<unknown>)[] = []
  const onSignal = () => {
    if (interrupted.aborted) process.exit(130)
    terminal.say('Stopping …')
    interruption.abort(new Error('interrupted'))
  }

  const run: Run = {
    terminal,
    interrupted,
    async step(title, work) {
      interrupted.throwIfAborted()
      const startedAt = performance.now()
      // most steps are over before anybody wonders
      const slow = setTimeout(() => terminal.progress(`${title} …`), 300)
      try {
        const result = await orInterrupted(work(), interrupted)
        terminal.say(`${title} (${((performance.now() - startedAt) / 1_000).toFixed(1)} s)`)
        return result
      } finally {
        clearTimeout(slow)
      }
    },
    own(starting, close) {
      closers.push(async () => {
        const started = await starting.then(
          (value) => ({ value }),
          () => undefined,
        )
        if (started) await close(started.value)
      })
      return orInterrupted(starting, interrupted)
    },
  }

  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  try {
    return (await demo(run)) ? 0 : 1
  } catch (error) {
    if (interrupted.aborted) return 130
    terminal.complain(`The demo could not go on: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  } finally {
    for (const close of closers.toReversed()) await close().catch((error: unknown) => terminal.complain(String(error)))
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}

/** Work that is interrupted is left to itself; what it started is closed by its owner. */
async function orInterrupted<T>(work: Promise<T>, interrupted: AbortSignal): Promise<T> {
  const settled = new AbortController()
  const interruption = new Promise<never>((_resolve, reject) => {
    const give = () => reject(interrupted.reason)
    if (interrupted.aborted) give()
    interrupted.addEventListener('abort', give, { signal: settled.signal })
  })
  try {
    return await Promise.race([work, interruption])
  } finally {
    settled.abort()
  }
}
