/** Hosts a `fetch` handler on a Node server. */
import { serve, type ServerType } from '@hono/node-server'
import { isIPv4, type AddressInfo } from 'node:net'
import { configError } from '../core/errors.js'

export interface ListenOptions {
  fetch: (request: Request) => Response | Promise<Response>
  host: string
  /** 0 takes a free one. */
  port: number
  /** The setting to name when the port is taken. */
  setting: string
}

export interface Listening {
  /** The address it really listens on. */
  url: string
  /** Takes no more connections and resolves when the open requests are answered. May be called twice. */
  close(): Promise<void>
}

export async function listen({ fetch, host, port, setting }: ListenOptions): Promise<Listening> {
  const server = await new Promise<ServerType>((resolve, reject) => {
    const starting = serve({ fetch, hostname: host, port, overrideGlobalObjects: false }, () => resolve(starting))
    starting.once('error', (error: NodeJS.ErrnoException) => reject(listenProblem(error, host, port, setting)))
  })
  const address = server.address() as AddressInfo
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  let closing: Promise<void> | undefined
  return {
    url: `http://${name}:${address.port}`,
    close: () =>
      (closing ??= new Promise((resolve) => {
        server.close(() => resolve())
        // connections that are kept alive without a request would hold the server open
        if ('closeIdleConnections' in server) server.closeIdleConnections()
      })),
  }
}

function listenProblem(error: NodeJS.ErrnoException, host: string, port: number, setting: string): Error {
  if (error.code === 'EADDRINUSE') {
    return configError(
      `Port ${port} on ${host} is taken by another process. Stop it, or set ${setting} to another port.`,
      error,
    )
  }
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') {
    return configError(`This machine has no address ${host}. Check ERRAND_HOST.`, error)
  }
  return configError(`Could not listen on ${host}:${port} (${error.code ?? error.message}).`, error)
}

/** Addresses that only this machine can reach. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
