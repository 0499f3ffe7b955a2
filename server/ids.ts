/**
 * Ids are UUIDs of version 7: they begin with the time, so the order of ids is the order in which jobs were asked for,
 * and the claim index needs no other field to be first in, first out.
 */
import { createHash, randomFillSync } from 'node:crypto'

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
function createRandom(): () => Buffer {
  const pool = Buffer.allocUnsafe(randomLength * 512)
  let used = pool.length
  return () => {
    if (used === pool.length) {
      randomFillSync(pool)
      used = 0
    }
    return pool.subarray(used, (used += randomLength))
  }
}

/**
 * The id of the job that a schedule makes for an occurrence: the same on every coordinator, so only one of them can
 * insert it.
 */
export const occurrenceId = (scheduleId: string, occurrence: Date): string =>
  uuid(occurrence.getTime(), 0, createHash('sha256').update(`${scheduleId}\n${occurrence.toISOString()}`).digest())

/**
 * The id of a group's callback: the same on every coordinator, and as old as the group, so that it stands where the
 * group stood.
 */
export const callbackId = (groupId: string): string =>
  uuid(
    Number.parseInt(groupId.replace('-', '').slice(0, 12), 16),
    0,
    createHash('sha256').update(`${groupId}\ncallback`).digest(),
  )

/** The id of the job that one run of a bulk replay makes of another job: made again, it is the same. */
export const replayId = (run: string, jobId: string): string =>
  uuid(timeOfId(run).getTime(), 0, createHash('sha256').update(`${run}\n${jobId}`).digest())

/** When an id was made; an invalid Date for a text that is none. */
export const timeOfId = (id: string): Date =>
  new Date(
    /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}$/.test(id)
      ? Number.parseInt(id.slice(0, 13).replace('-', ''), 16)
      : Number.NaN,
  )

/** No id of that moment or a later one is smaller. */
export const firstIdAt = (time: Date): string => timePart(Math.max(0, time.getTime()))

function uuid(ms: number, count: number, random: Buffer): string {
  const variant = ((random[0]! & 0x3f) | 0x80).toString(16)
  const tail = random.toString('hex', 1, 8)
  return `${timePart(ms)}-7${count.toString(16).padStart(3, '0')}-${variant}${tail.slice(0, 2)}-${tail.slice(2)}`
}

function timePart(ms: number): string {
  const time = ms.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}`
}
