/**
 * The intake bounds what has come in through any door and is not written yet. A request that brings jobs takes a place
 * after its role and before its body, and leaves it when all its jobs are written or refused. server/api/admission
 * decides who gets a place.
 *
 * Jobs that coordinators make themselves (occurrences of schedules, callbacks of groups) take no place: they come a
 * page at a time. Neither does an operator who pauses, cancels or looks, nor a receipt, which frees what others wait
 * for; receipts take turns at being read.
 */
import type { Clock } from '../../core/time/clock.js'
import { ErrandError } from '../../core/errors.js'
import { formatBytes } from '../../core/payload/size.js'
import { assumedLoad, hasRoom, minus, noLoad, plus, retryAfter, shareOf, type Bounds } from './admission.js'
import { createReadingTurns } from './readingTurns.js'
import { createTurns } from './turns.js'
import type { WriteLane, Load, Place, Intake } from '../deps.js'

/** Of receipts that are being read and written. */
const maxReceiptBytes = 16_000_000

interface Entered {
  load: Load
  at: number
}

export function createIntake({ clock, bounds }: { clock: Clock; bounds: Bounds }): Intake {
  const turns = createTurns(1)
  const lanes = { single: createLane(clock, bounds, 'single'), bulk: createLane(clock, bounds, 'bulk') }
  return {
    enter: (lane, bytes) => lanes[lane].enter(bytes),
    waiting: (lane) => lanes[lane].waiting,
    refused: (lane) => lanes[lane].refused,
    turn: () => new Promise<void>((resolve) => void turns(resolve)),
    receipts: createReadingTurns(maxReceiptBytes),
  }
}

function createLane(clock: Clock, all: Bounds, lane: WriteLane) {
  const bounds = shareOf(all, lane)
  /** In the order in which they came. */
  const entered = new Set<Entered>()
  let waiting = noLoad
  let refused = 0
  const nowMs = () => clock.now().getTime()

  const refuse = (): ErrandError => {
    refused++
    const [oldest] = entered
    return overloaded(waiting, retryAfter(oldest === undefined ? 0 : nowMs() - oldest.at))
  }

  /** Takes another load for the one it had, where the others leave room. */
  const change = (place: Entered, load: Load): void => {
    if (!entered.has(place)) return
    const others = minus(waiting, place.load)
    const isMore = load.jobs > place.load.jobs || load.bytes > place.load.bytes
    if (isMore && !hasRoom(others, bounds)) throw refuse()
    waiting = plus(others, load)
    place.load = load
  }

  return {
    get waiting() {
      return waiting
    },
    get refused() {
      return refused
    },
    enter(bytes?: number): Place {
      if (!hasRoom(waiting, bounds)) throw refuse()
      const place: Entered = { load: assumedLoad(lane, bytes), at: nowMs() }
      entered.add(place)
      waiting = plus(waiting, place.load)
      return {
        grow: (here) => change(place, { ...place.load, bytes: here }),
        count: (jobs) => change(place, { ...place.load, jobs }),
        [Symbol.dispose]() {
          if (entered.delete(place)) waiting = minus(waiting, place.load)
        },
      }
    },
  }
}

const overloaded = ({ jobs, bytes }: Load, seconds: number): ErrandError =>
  new ErrandError(
    'OVERLOADED',
    `The coordinator has as much to write as it holds (${jobs} jobs, ${formatBytes(bytes)}), because jobs come quicker than its database takes them. ` +
      `Nothing of this request was stored. Send it again after ${seconds} s.`,
    { details: { retryAfter: seconds } },
  )
