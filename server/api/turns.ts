/**
 * Turns of the event loop: what many ask for at once is done a few at a time, and other callers are heard in between.
 */

/** Has so many go on in one turn, in the order in which they came. The answer takes one back that has not. */
export type Turns = (go: () => void) => () => void

export function createTurns(inOneTurn: number): Turns {
  const waiting = new Set<() => void>()
  let isPlanned = false
  const plan = () => {
    if (isPlanned || waiting.size === 0) return
    isPlanned = true
    setImmediate(() => {
      isPlanned = false
      let left = inOneTurn
      for (const go of waiting) {
        if (left-- === 0) break
        waiting.delete(go)
        go()
      }
      plan()
    })
  }
  return (go) => {
    waiting.add(go)
    plan()
    return () => waiting.delete(go)
  }
}
