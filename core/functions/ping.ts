/**
 * A ping: the coordinator asks a function whether it is there, signed as a call is. Nothing runs. Without zod, because
 * functions bundle it.
 */

/** Its body. It is answered as a call is: 200 and `{ status: 'success', result: Pong }`. */
export interface Ping {
  ping: true
  worker: string
}

export interface Pong {
  worker: string
  /** The name that `errand build` gave the function by its content; absent where a function says none. */
  build?: string
}

/**
 * Stands in a function until `errand build` puts the build's own name in its place, of the same length; where it is
 * served as codegen made it, it stays.
 */
export const noBuild = 'errand-build-0000'

/** The header `webhook-id`: no job's id begins so. `nonce` keeps one ping from standing for another. */
export const pingId = (worker: string, nonce: string): string => `ping.${worker}.${nonce}`

export const isPingId = (id: string, worker: string): boolean => id.startsWith(`ping.${worker}.`)
