/**
 * Makes ids of jobs: UUIDs of version 7. They begin with the time, so the order of ids is the order in which jobs were
 * asked for, and the claim index needs no other field to be first in, first out. Nothing of Node here: clients make ids
 * too, wherever they run.
 */

/** Makes ids that grow even within one millisecond. */
export function createIds(now: () => Date): () => string {
  let lastMs = 0
  let count = 0
  const random = createRandom()
  return () => {
    const ms = Math.max(now().getTime(), lastMs)
    count = ms === lastMs ? count + 1 : 0
    // 12 bits of counter follow the time; when they are used up the next millisecond is borrowed
    const borrowed = Math.floor(count / 4096)
    lastMs = ms + borrowed
    count -= borrowed * 4096
    return uuid(lastMs, count, random())
  }
}

const randomLength = 8

/**
 * Each call for randomness costs as much as the rest of an id, so it is fetched for many at once. Its bytes are good
 * until the next call.
 */
function createRandom(): () => Uint8Array {
  const pool = new Uint8Array(randomLength * 512)
  let used = pool.length
  return () => {
    if (used === pool.length) {
      crypto.getRandomValues(pool)
      used = 0
    }
    return pool.subarray(used, (used += randomLength))
  }
}

/** Of that time and place in line, and eight bytes that may be random. */
export function uuid(ms: number, count: number, random: Uint8Array): string {
  const variant = hex((random[0]! & 0x3f) | 0x80)
  let tail = ''
  for (let index = 1; index < randomLength; index++) tail += hex(random[index]!)
  return `${timePart(ms)}-7${count.toString(16).padStart(3, '0')}-${variant}${tail.slice(0, 2)}-${tail.slice(2)}`
}

const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const hex = (byte: number): string => hexOf[byte]!

/** No id of that moment or a later one is smaller. */
export function timePart(ms: number): string {
  const time = ms.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}`
}
