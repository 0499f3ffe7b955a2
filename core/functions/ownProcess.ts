/** A coordinator or a host of functions that has its process to itself: its port, and its end by a signal. */

/** Of the setting `PORT`, default 8080. Throws `RangeError` for a text that is no port. */
export function readPort(text = '8080'): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw new RangeError(`PORT is "${text}", which is no port. Set it to a whole number from 0 to 65535.`)
}

/** Closes at the first SIGTERM or SIGINT, and ends the process then. A second signal ends it at once. */
export function stopBySignal(close: () => Promise<void>): void {
  let stopping = false
  const stop = () => {
    if (stopping) process.exit(1)
    stopping = true
    void close().then(() => process.exit(0))
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}
