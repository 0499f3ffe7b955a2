/** Serving: open one thing after the other, wait for a signal, close them in the reverse order. */
import type { ErrandError } from '../core/errors.js'
import type { Cli } from './cli.js'
import { aborted, listenForSignals } from './signals.js'

/** The things that a service has opened so far. */
export interface Opened {
  /** `force` aborts when people do not want to wait any longer. */
  add(close: (force: AbortSignal) => Promise<void>): void
  /** Stops with exit code 1, in order: something is gone that the service cannot do without. */
  fail(error: ErrandError): void
  /** Aborts when the service is to stop. */
  readonly stopping: AbortSignal
}

/** Resolves after a signal, when all is closed. Rejects with what `open` threw or `fail` said, when all is closed. */
export async function serveUntilStopped(cli: Cli, open: (opened: Opened) => Promise<void>): Promise<void> {
  using signals = listenForSignals(
    () => cli.now(),
    () => process.exit(1),
  )
  const stopped = aborted(signals.stop)
  const closers: ((force: AbortSignal) => Promise<void>)[] = []
  let fail!: (error: ErrandError) => void
  const failed = new Promise<never>((_resolve, reject) => (fail = reject))
  cli.ignoreClosedPipes()
  try {
    await Promise.race([open({ add: (close) => closers.push(close), fail, stopping: signals.stop }), stopped, failed])
    await Promise.race([stopped, failed])
  } finally {
    for (const close of closers.toReversed()) await close(signals.force)
  }
}
