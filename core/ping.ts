/** A ping: the coordinator asks a function whether it is there, signed as a call is. Nothing runs. Without zod, because functions bundle it. */

/** Its body. It is answered as a call is: 200 and `{ status: 'success', result: { worker } }`. */
export interface Ping {
  ping: true
  worker: string
}

/** The header `webhook-id`: no job's id begins so. `nonce` keeps one ping from standing for another. */
export const pingId = (worker: string, nonce: string): string => `ping.${worker}.${nonce}`

export const isPingId = (id: string, worker: string): boolean => id.startsWith(`ping.${worker}.`)
