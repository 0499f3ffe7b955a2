/**
 * Watches the turns of this process's event loop: how much of the processor one of them took. A timer that comes every
 * few milliseconds comes late by as much as a turn took; what the main thread had of the processor meanwhile is read
 * from the kernel, so that a busy machine is not taken for a slow turn.
 */
import { readFileSync } from 'node:fs'

export interface Turn {
  /** Of the processor, in milliseconds. */
  cpuMs: number
  /** When it began and ended, by the machine's clock. */
  from: number
  to: number
}

const everyMs = 5

/** Tells of turns that took `fromMs` or longer. The answer stops it. */
export function watchTurns(fromMs: number, tell: (turn: Turn) => void): () => void {
  let [at, cpuMs] = [Date.now(), usedMs()]
  const timer = setInterval(() => {
    const [now, cpuNow] = [Date.now(), usedMs()]
    if (now - at >= fromMs && cpuNow - cpuMs >= fromMs) tell({ cpuMs: cpuNow - cpuMs, from: at, to: now })
    ;[at, cpuMs] = [now, cpuNow]
  }, everyMs)
  return () => clearInterval(timer)
}

/** What the main thread had of the processor; elsewhere than on Linux the time that passed stands in for it. */
function usedMs(): number {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ', 1)[0]) / 1e6
  } catch {
    return performance.now()
  }
}
