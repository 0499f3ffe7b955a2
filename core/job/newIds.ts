/**
 * Makes ids of jobs: UUIDs of version 7. They begin with the time, so the order of ids is the order in which jobs were
 * asked for, and the claim index needs no other field to be first in, first out. Nothing of Node here: clients make ids
 * too, wherever they run.
 */

/** Makes ids that grow even within one millisecond. */
export function createIds(now: () => Date): () => string {
  let lastMs = 0
  let count = 0
  /** Of `lastMs`. */
  let time = ''
  return () => {
    const ms = now().getTime()
    count = ms > lastMs ? 0 : count + 1
    // 12 bits of counter follow the time; when they are used up the next millisecond is borrowed
    const isUsedUp = count === 4096
    if (isUsedUp) count = 0
    if (ms > lastMs || isUsedUp) {
      lastMs = isUsedUp ? lastMs + 1 : ms
      time = timePart(lastMs)
    }
    // behind its version and three digits, one of version 4 has the variant and random digits
    return `${time}-7${hex3(count)}${crypto.randomUUID().slice(18)}`
  }
}

/** Of that time and place in line, and eight bytes that may be random. */
export function uuid(ms: number, count: number, random: Uint8Array): string {
  const [first, ...rest] = Array.from(random.subarray(0, 8))
  const digits = [(first! & 0x3f) | 0x80, ...rest].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return `${timePart(ms)}-7${hex3(count)}-${digits.slice(0, 4)}-${digits.slice(4)}`
}

const hex3 = (count: number): string => count.toString(16).padStart(3, '0')

/** No id of that moment or a later one is smaller. */
export function timePart(ms: number): string {
  const time = ms.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}`
}
