/** A place where a call waits until the test lets it go on. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Gate extends Disposable {
  url: string
  /** Resolves when somebody has come. */
  arrival: Promise<void>
  open: () => void
}

export async function startGate(): Promise<Gate> {
  let arrived!: () => void
  const arrival = new Promise<void>((resolve) => (arrived = resolve))
  let open!: () => void
  const opened = new Promise<void>((resolve) => (open = resolve))
  const server = createServer((_, response) => {
    arrived()
    void opened.then(() => response.end('went on'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    arrival,
    open,
    [Symbol.dispose]: () => void (server.closeAllConnections(), server.close()),
  }
}
