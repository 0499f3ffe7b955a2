import type { ReadingTurns } from '../deps.js'

/** Turns begin while those that have one hold fewer bytes than `maxBytes`. */
export function createReadingTurns(maxBytes: number): ReadingTurns {
  const waiting = new Set<() => void>()
  let held = 0

  const take = (bytes: number): Disposable => {
    held += bytes
    let isOver = false
    return {
      [Symbol.dispose]() {
        if (isOver) return
        isOver = true
        held -= bytes
        for (const begin of waiting) {
          if (held >= maxBytes) break
          begin()
        }
      },
    }
  }

  return {
    async begin(bytes, caller) {
      if (held < maxBytes && waiting.size === 0) return take(bytes)
      // a signal is made when it is first looked at, so only those who wait do
      const { signal } = caller
      return new Promise((resolve, reject) => {
        const begin = () => {
          waiting.delete(begin)
          signal.removeEventListener('abort', leave)
          resolve(take(bytes))
        }
        const leave = () => {
          waiting.delete(begin)
          reject(signal.reason as Error)
        }
        if (signal.aborted) return leave()
        waiting.add(begin)
        signal.addEventListener('abort', leave, { once: true })
      })
    },
    get waiting() {
      return waiting.size
    },
  }
}
