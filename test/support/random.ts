/** Chance from a seed: mulberry32, whose whole state is one number. */
export interface Random {
  /** In [0, 1). */
  (): number
  /** A whole number from `from` to `to`, both included. */
  int(from: number, to: number): number
  chance(part: number): boolean
  pick<Item>(items: readonly Item[]): Item
  shuffle<Item>(items: readonly Item[]): Item[]
  /** A stream of its own, that no other one disturbs. */
  fork(name: string): Random
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (from: number, to: number) => from + Math.floor(next() * (to - from + 1))
  return Object.assign(next, {
    int,
    chance: (part: number) => next() < part,
    pick: <Item>(items: readonly Item[]): Item => items[int(0, items.length - 1)]!,
    shuffle: <Item>(items: readonly Item[]): Item[] =>
      items
        .map((item) => ({ item, at: next() }))
        .toSorted((a, b) => a.at - b.at)
        .map(({ item }) => item),
    fork: (name: string) => createRandom(hash(`${seed} ${name}`)),
  })
}

/** FNV-1a. */
const hash = (text: string): number =>
  Buffer.from(text).reduce((mixed, byte) => Math.imul(mixed ^ byte, 0x01000193) >>> 0, 0x811c9dc5)
