/**
 * SIGINT and SIGTERM: the first one asks for a clean stop, the second one for a quick one, the third one ends the
 * process.
 */

export interface StopSignals extends Disposable {
  /** Aborts at the first signal. */
  readonly stop: AbortSignal
  /** Aborts at the second. */
  readonly force: AbortSignal
}

/** Not SIGHUP: a handler of ours would undo `nohup`. */
const signals = ['SIGINT', 'SIGTERM'] as const

/** `npm run` hands on the Ctrl-C that the terminal has sent already; so close together they are one. */
const sameSignalMs = 500

export function listenForSignals(now: () => Date, end: () => void): StopSignals {
  const stop = new AbortController()
  const force = new AbortController()
  const lastAt = new Map<NodeJS.Signals, number>()
  const onSignal = (signal: NodeJS.Signals) => {
    const at = now().getTime()
    const isSame = at - (lastAt.get(signal) ?? Number.NEGATIVE_INFINITY) < sameSignalMs
    lastAt.set(signal, at)
    if (isSame) return
    if (!stop.signal.aborted) stop.abort()
    else if (!force.signal.aborted) force.abort()
    else end()
  }
  for (const signal of signals) process.on(signal, onSignal)
  return {
    stop: stop.signal,
    force: force.signal,
    [Symbol.dispose]() {
      for (const signal of signals) process.off(signal, onSignal)
    },
  }
}

export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
