/**
 * When which fault strikes: every kind once, in a new order each time round, one every few seconds; several may be
 * under way at once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { House } from '../house/house.js'
import type { Ledger } from '../ledger/ledger.js'
import type { Random } from '../../support/random.js'
import { faults, type Fault } from './kinds.js'
import { recovery } from './recovery.js'
import type { Caller } from '../load/caller.js'

/** At least six a minute. */
const longestPauseMs = 9_000
const shortestPauseMs = 4_000

export interface FaultsOptions {
  house: House
  ledger: Ledger
  random: Random
  prober: Caller
  /** Told of each, for whoever watches. */
  tell: (line: string) => void
}

/** Strikes until `over` aborts; resolves when every fault is over and what recovers has done so. */
export async function runFaults(
  { house, ledger, random, prober, tell }: FaultsOptions,
  over: AbortSignal,
): Promise<void> {
  /** What one fault has in hand, no other one touches. */
  const busy = new Set<string>()
  const underWay = new Set<Promise<void>>()
  let deck: Fault[] = []

  const strike = async (fault: Fault) => {
    const index = random.int(0, house.wings.length - 1)
    const wing = house.wings[index]!
    const target = fault.everybody ? 'all' : wing.coordinator.name.replace('coordinator', 'wing')
    const hands = handsOf(fault, target)
    if (hands.some((hand) => busy.has(hand))) return false
    for (const hand of hands) busy.add(hand)
    const since = Date.now()
    ledger.add({ kind: 'fault', at: since, fault: fault.name, target })
    tell(`${fault.name} (${target})`)
    try {
      await fault.strike({ house, wing, random })
    } finally {
      for (const hand of hands) busy.delete(hand)
    }
    const at = Date.now()
    ledger.add({ kind: 'faultOver', at, fault: fault.name, target, since })
    const struck = fault.everybody ? house.wings.map((_, each) => each) : [index]
    const ms = await recovery(prober, struck, at)
    ledger.add({ kind: 'recovered', at: Date.now(), fault: fault.name, target, ms: ms ?? null })
    return true
  }

  const strikeOrKeep = async (fault: Fault) => {
    // what cannot strike now comes again later
    if (!(await strike(fault))) deck.unshift(fault)
  }

  while (!over.aborted) {
    if (deck.length === 0) deck = random.shuffle(faults)
    const fault = deck.pop()!
    const struck = strikeOrKeep(fault)
    underWay.add(struck)
    void struck.finally(() => underWay.delete(struck))
    await sleep(random.int(shortestPauseMs, longestPauseMs), undefined, { signal: over }).catch(() => {})
  }
  await Promise.all(underWay)
}

/**
 * A process that is being ended is not to be stopped meanwhile, nor a line that is held to be cut by another fault's
 * end.
 */
function handsOf({ name, everybody }: Fault, target: string): string[] {
  const part = name.split(' ', 1)[0]!.replace(/s$/, '')
  if (everybody) return ['wing-1', 'wing-2', 'wing-3', 'wing-4', 'all'].map((each) => `${part} ${each}`)
  // a lost write needs a line that is not cut anyhow
  return [`${part === 'write' || part === 'answer' ? 'database' : part} ${target}`]
}
