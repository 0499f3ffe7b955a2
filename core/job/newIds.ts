/**
 * Makes ids of jobs: UUIDs of version 7. They begin with the time, so the order of ids is the order in which jobs were
 * asked for, and the claim index needs no other field to be first in, first out. Nothing of Node here: clients make ids
 * too, wherever they run.
 */

/** 12 bits of counter follow the time; when they are used up the next millisecond is borrowed. */
const inOneMs = 4096

/** Makes ids that grow even within one millisecond. Of several, it makes the first: `idAt` has those behind it. */
export function createIds(now: () => Date): (count?: number) => string {
  let lastMs = 0
  /** The next free place in that millisecond. */
  let next = 0
  return (count = 1) => {
    const ms = now().getTime()
    if (ms > lastMs) {
      lastMs = ms
      next = 0
    }
    const [time, place] = placeIn(lastMs, next)
    next += count
    // behind its version and three digits, one of version 4 has the variant and random digits
    return `${timePart(time)}-7${hex3(place)}${crypto.randomUUID().slice(18)}`
  }
}

/** The id so many places behind another one, of the same time and the same random digits. */
export function idAt(id: string, places: number): string {
  if (places === 0) return id
  const ms = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
  const [time, place] = placeIn(ms, Number.parseInt(id.slice(15, 18), 16) + places)
  return `${timePart(time)}-7${hex3(place)}${id.slice(18)}`
}

const placeIn = (ms: number, place: number): [ms: number, place: number] => [
  ms + Math.floor(place / inOneMs),
  place % inOneMs,
]

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
