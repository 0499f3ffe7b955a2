/**
 * Throws away the rest of a body once its request is answered, because it would stand before the next request on the
 * connection, and the end of a connection with unread data overtakes the answer.
 *
 * It goes by turns of the event loop. Three hundred callers who are refused at once bring a megabyte each; taken as it
 * comes, that was one turn of 0.8 seconds, in which no other caller was heard.
 */
import type { Readable } from 'node:stream'
import { systemClock, type Clock } from '../../core/time/clock.js'
import { createTurns } from './turns.js'

export interface UnreadBodies {
  /** Answers whether the body came to its end; what is left stays unread. */
  readonly discard: (body: Readable) => Promise<boolean>
}

/** Bodies of which one turn of the event loop takes a chunk. */
export const bodiesInOneTurn = 16
/** So much of one body is thrown away: more than any route takes, so that a caller that may not send it hears why. */
export const mostUnreadBytes = 17 * 1024 * 1024
/** A sender that is silent for so long, or takes so long in all, is not waited for. */
export const silentMs = 500
export const mostUnreadMs = 5_000

export function createUnreadBodies(clock: Pick<Clock, 'alarm'> = systemClock): UnreadBodies {
  const inTurns = createTurns(bodiesInOneTurn)
  return {
    discard: (body) =>
      new Promise((resolve) => {
        let bytes = 0
        let silent = () => {}
        const finish = (ended: boolean) => {
          silent()
          tooLong()
          leaveTurn()
          body.off('data', take).off('end', end).off('close', cut).off('error', cut).pause()
          resolve(ended)
        }
        const take = (chunk: Uint8Array) => {
          bytes += chunk.length
          if (bytes > mostUnreadBytes) return finish(false)
          silent()
          body.pause()
          leaveTurn = inTurns(flow)
        }
        const flow = () => {
          silent = clock.alarm(silentMs, cut)
          body.resume()
        }
        const end = () => finish(true)
        const cut = () => finish(false)
        const tooLong = clock.alarm(mostUnreadMs, cut)
        let leaveTurn = () => {}
        // the reader that began has given up, and would only hold on to what comes
        body.removeAllListeners('data')
        if (body.destroyed) return cut()
        body.on('data', take).on('end', end).on('close', cut).on('error', cut).pause()
        leaveTurn = inTurns(flow)
      }),
  }
}
