/**
 * Limits how many callers wait at once. Each stream and each long poll holds a connection, its request and what it
 * waits for, mostly for nothing. So places are limited, on a coordinator and for each key; and so are the ids that they
 * wait for.
 */
import { ErrandError } from '../../core/errors.js'
import type { Places } from '../deps.js'

export interface PlaceLimits {
  /** Requests that wait at once. */
  waits: number
  /** Jobs and groups that they wait for. */
  ids: number
}

/** By one key, or by all who have none. */
export const limitsOfOne: PlaceLimits = { waits: 1_000, ids: 100_000 }
export const limitsOfAll: PlaceLimits = { waits: 2_000, ids: 200_000 }
/** Seconds until a place may be free: most waits are over in less than a poll takes. */
const retryAfter = 5

interface Taken {
  waits: number
  ids: number
}

const none: Readonly<Taken> = { waits: 0, ids: 0 }

export function createPlaces(ofOne = limitsOfOne, ofAll = limitsOfAll): Places {
  const all: Taken = { ...none }
  const byKey = new Map<string, Taken>()

  const check = (own: Readonly<Taken>, ids: number) => {
    if (isFull(own, ids, ofOne)) throw tooMany('TOO_MANY_REQUESTS', 'this API key waits', ofOne)
    if (isFull(all, ids, ofAll)) throw tooMany('OVERLOADED', 'others wait', ofAll)
  }

  return {
    look: (who) => check(byKey.get(who) ?? none, 1),
    take(who, ids) {
      const own = byKey.get(who) ?? { ...none }
      check(own, ids)
      byKey.set(who, own)
      for (const taken of [own, all]) add(taken, 1, ids)
      let isOver = false
      return () => {
        if (isOver) return
        isOver = true
        for (const taken of [own, all]) add(taken, -1, -ids)
        if (own.waits === 0) byKey.delete(who)
      }
    },
  }
}

const isFull = (taken: Readonly<Taken>, ids: number, most: PlaceLimits): boolean =>
  taken.waits >= most.waits || taken.ids + ids > most.ids

function add(taken: Taken, waits: number, ids: number): void {
  taken.waits += waits
  taken.ids += ids
}

const tooMany = (code: 'TOO_MANY_REQUESTS' | 'OVERLOADED', who: string, most: PlaceLimits): ErrandError =>
  new ErrandError(
    code,
    `Too many requests of ${who} here already: ${most.waits} at once, for ${most.ids} jobs. Wait for many jobs in one request, or ask again in ${retryAfter} seconds.`,
    { details: { retryAfter } },
  )
